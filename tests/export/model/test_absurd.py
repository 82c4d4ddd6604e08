"""Configurations that no model was saved with: one sentence that names the file and the field."""

import json
import shutil

import pytest
import torch

from zeroreal.assets import TINY_FASHION
from zeroreal.base import InputError
from zeroreal.export.graphs.modules import load_module
from zeroreal.export.model.components import load_tokenizers
from zeroreal.export.model.parts import find_parts
from zeroreal.export.model.read_schedule import schedule_of
from zeroreal.export.model.scheduler import load_scheduler

SCHEDULER = "scheduler/scheduler_config.json"
UNET, VAE, TEXT = "unet/config.json", "vae/config.json", "text_encoder/config.json"
TOKENIZER, INDEX = "tokenizer/tokenizer_config.json", "model_index.json"
SHARDS = "unet/diffusion_pytorch_model.safetensors.index.json"
NAN = float("nan")

ABSURD = [
    *[
        (SCHEDULER, "num_train_timesteps", value)
        for value in (10**9, 0, -5, "1000", None, 2.5, True)
    ],
    *[
        (SCHEDULER, name, value)
        for name in ("beta_start", "beta_end")
        for value in (-0.1, 2, "x", NAN, True)
    ],
    *[(SCHEDULER, "trained_betas", value) for value in (5, [], ["x"], [-1.0], [[0.1]])],
    *[(SCHEDULER, "beta_schedule", value) for value in ("sinusoidal", 5, ["linear"])],
    *[(SCHEDULER, "prediction_type", value) for value in ("noise", 5, None)],
    *[(SCHEDULER, "steps_offset", value) for value in (-1, "1", 10**9)],
    *[(SCHEDULER, "solver_order", value) for value in (0, "2", 10**6)],
    (SCHEDULER, "sigma_max", -1.0),
    *[(SCHEDULER, "timestep_spacing", value) for value in ("sideways", 5)],
    *[("tokenizer/vocab.json", "a</w>", value) for value in ("x", -1, None, 1.5, 10**6)],
    *[(TOKENIZER, "model_max_length", value) for value in ("x", 0, -1, [5])],
    *[(INDEX, name, 5) for name in ("unet", "tokenizer", "scheduler", "text_encoder_2")],
    *[(INDEX, "unet", value) for value in (["diffusers"], [1, 2], ["diffusers", None])],
    *[(INDEX, "vae", {"x": 1}), (INDEX, "force_zeros_for_empty_prompt", "no")],
    *[(UNET, "block_out_channels", value) for value in (5, [], ["32"], [0], [32, None], None)],
    *[(UNET, "block_out_channels", [side, side]) for side in (10**9, 50_000)],
    *[(UNET, name, 0) for name in ("norm_num_groups", "attention_head_dim", "conv_in_kernel")],
    *[(UNET, name, "x") for name in ("norm_eps", "freq_shift", "dropout", "out_channels")],
    *[(UNET, "layers_per_block", value) for value in (10**9, -1, [], "x")],
    *[(UNET, "transformer_layers_per_block", value) for value in (10**9, [], "x")],
    *[(UNET, "down_block_types", value) for value in (5, [], [5, 5])],
    *[(UNET, "norm_eps", NAN), (UNET, "act_fn", 5), (UNET, "downsample_padding", -5)],
    *[(UNET, "in_channels", value) for value in (-4, "4", 4.0, None)],
    *[(UNET, "cross_attention_dim", value) for value in ("32", [], [32, "x"], 0)],
    *[(UNET, "sample_size", value) for value in ("8", -8, [8, "8"], {"x": 8})],
    *[(VAE, "block_out_channels", value) for value in (32, [], [None])],
    *[(VAE, "scaling_factor", value) for value in (0, -1.0, "0.18", None)],
    *[(VAE, name, "x") for name in ("latents_mean", "shift_factor", "sample_size")],
    *[(VAE, "latents_mean", ["x"]), (VAE, "norm_num_groups", 0), (VAE, "layers_per_block", 10**9)],
    *[(TEXT, "num_hidden_layers", value) for value in (0, "2", [2], 10**9)],
    *[(TEXT, "vocab_size", value) for value in (0, "x", 10**7)],
    *[(TEXT, "eos_token_id", None), (TEXT, "hidden_act", 5), (TEXT, "num_attention_heads", 0)],
    *[(SHARDS, "weight_map", value) for value in ({"x": 5}, [], "x", {"x": None})],
]
BETWEEN = [
    (INDEX, "_class_name", 5),
    (INDEX, "_class_name", ["\x1b[31m"]),
    (INDEX, "unet", ["diffusers", "\x1b[31m"]),
    (INDEX, "scheduler", ["diffusers", "Sideways"]),
    (SCHEDULER, "trained_betas", [0.1, 0.2]),
    (UNET, "norm_num_groups", 7),
    (UNET, "down_block_types", ["Sideways", "Sideways"]),
    (UNET, "quantization_config", 5),
    (TEXT, "num_attention_heads", 3),
    (TEXT, "dtype", "float7"),
    (TOKENIZER, "bos_token", 5),
    (TOKENIZER, "pad_token", None),
    ("tokenizer/added_tokens.json", "x", "y"),
]
POSSIBLE = [
    (SCHEDULER, "num_train_timesteps", 250),
    (SCHEDULER, "lambda_min_clipped", -float("inf")),
    (UNET, "transformer_layers_per_block", [1, 1]),
    (UNET, "sample_size", None),
    (TEXT, "projection_dim", None),
    (TOKENIZER, "model_max_length", 10**30),
    (INDEX, "text_encoder_2", [None, "CLIPTextModel"]),  # as the library has it, absent
    (INDEX, "feature_extractor", 5),  # which nobody reads
]


@pytest.fixture
def changed(tiny_model, tmp_path):
    """A function that copies a model with one field of a file changed."""

    def change(file, field, value):
        folder = shutil.copytree(tiny_model("sd15"), tmp_path / "model")
        path = folder / file
        content = json.loads(path.read_text()) if path.is_file() else {}
        path.write_text(json.dumps({**content, field: value}))
        return folder

    return change


def read(folder):
    """All that a model's folder is read for, down to one prompt and the weights."""
    parts = find_parts(folder)
    schedule_of(load_scheduler(folder), 4)
    tokens = load_tokenizers(folder, parts.info)[0](["a boot"], padding="max_length")
    assert len(tokens.input_ids[0]) <= parts.info.tokens
    for graph in ("text_encoder", "denoise", "vae_decoder"):
        load_module(graph, parts, torch.float32)


@pytest.mark.parametrize(("file", "field", "value"), ABSURD)
def test_a_value_that_cannot_be_is_named_with_its_file_and_field(changed, file, field, value):
    folder = changed(file, field, value)
    with pytest.raises(InputError) as caught:
        read(folder)
    said = str(caught.value)
    assert str(folder / file) in said
    assert f"'{field}" in said
    assert said.isprintable()


@pytest.mark.parametrize(("file", "field", "value"), BETWEEN)
def test_what_does_not_go_together_gets_one_sentence(changed, file, field, value):
    folder = changed(file, field, value)
    with pytest.raises(InputError) as caught:
        read(folder)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(("file", "field", "value"), POSSIBLE)
def test_what_is_unusual_and_possible_is_read(changed, file, field, value):
    read(changed(file, field, value))


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("DDIM", {"beta_start": -1.0, "beta_schedule": "squaredcos_cap_v2"}),
        ("DDIM", {"beta_start": "x", "trained_betas": [0.01] * 1000}),
        ("EDMEuler", {"beta_end": 7.0}),
        ("DDIM", {"beta_end": 1, "prediction_type": "v_prediction"}),  # zero terminal SNR
    ],
)
def test_betas_may_be_what_the_library_computes_with(changed, name, changes):
    folder = changed(INDEX, "scheduler", ["diffusers", f"{name}Scheduler"])
    path = folder / SCHEDULER
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    schedule_of(load_scheduler(folder), 4)


def test_special_tokens_are_those_that_the_text_encoder_knows(tmp_path):
    folder = shutil.copytree(TINY_FASHION, tmp_path / "model")
    path = folder / TOKENIZER
    path.write_text(json.dumps({**json.loads(path.read_text()), "eos_token": "no such one"}))
    (folder / "tokenizer" / "special_tokens_map.json").unlink()
    with pytest.raises(InputError, match=r"'no such one' as a special token.* knows 672 tokens"):
        read(folder)


def test_lines_of_merges_are_pairs(tiny_model, tmp_path):
    folder = shutil.copytree(tiny_model("sd15"), tmp_path / "model")
    (folder / "tokenizer" / "merges.txt").write_text("#version: 0.2\na b\nc\n")
    with pytest.raises(InputError, match=r"merges\.txt' has 'c' in line 3: two parts"):
        read(folder)
    (folder / "tokenizer" / "merges.txt").write_bytes(b"\xff")
    with pytest.raises(InputError, match=r"merges\.txt' is not UTF-8 text; copy it again"):
        read(folder)
