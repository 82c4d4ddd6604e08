"""Configurations that no model was saved with: one sentence that names the file and the field."""

import json
import shutil

import pytest

from zeroreal.base import InputError
from zeroreal.export.model.components import load_tokenizers
from zeroreal.export.model.model_folder import check_model_folder
from zeroreal.export.model.scheduler import load_scheduler

SCHEDULER = "scheduler/scheduler_config.json"
UNET, VAE, TEXT = "unet/config.json", "vae/config.json", "text_encoder/config.json"
INDEX = "unet/diffusion_pytorch_model.safetensors.index.json"
NAN = float("nan")

ABSURD = [
    *[
        (SCHEDULER, "num_train_timesteps", value)
        for value in (10**9, 0, -5, "1000", None, 2.5, True)
    ],
    *[
        (SCHEDULER, name, value)
        for name in ("beta_start", "beta_end")
        for value in (-0.1, 2, "x", NAN)
    ],
    *[(SCHEDULER, "trained_betas", value) for value in (5, ["x"], [-1.0], [[0.1]])],
    *[(SCHEDULER, "steps_offset", value) for value in (-1, "1", 10**9)],
    *[(SCHEDULER, "solver_order", value) for value in (0, "2", 10**6)],
    (SCHEDULER, "sigma_max", -1.0),
    *[(SCHEDULER, "timestep_spacing", value) for value in ("sideways", 5)],
    *[("tokenizer/vocab.json", "a</w>", value) for value in ("x", -1, None, 1.5)],
    *[(UNET, "block_out_channels", value) for value in (5, [], ["32"], [0], [32, None], None)],
    *[(UNET, "in_channels", value) for value in (-4, "4", 4.0, None)],
    *[(UNET, "cross_attention_dim", value) for value in ("32", [], [32, "x"], 0)],
    *[(UNET, "sample_size", value) for value in ("8", -8, [8, "8"], {"x": 8})],
    *[(VAE, "block_out_channels", value) for value in (32, [], [None])],
    *[(VAE, "scaling_factor", value) for value in (0, -1.0, "0.18", None)],
    *[(TEXT, "num_hidden_layers", value) for value in (0, "2", [2])],
    *[(INDEX, "weight_map", value) for value in ({"x": 5}, [], "x", {"x": None})],
]
BETWEEN = [
    ("model_index.json", "unet", "UNet2DConditionModel"),
    ("model_index.json", "unet", ["diffusers"]),
    ("model_index.json", "unet", [1, 2]),
    ("model_index.json", "vae", {"x": 1}),
    ("model_index.json", "_class_name", 5),
    (SCHEDULER, "beta_schedule", "sinusoidal"),
    (SCHEDULER, "beta_schedule", 5),
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
    """All that is read before weights are."""
    info = check_model_folder(folder)
    load_scheduler(folder).set_timesteps(4)
    load_tokenizers(folder, info)[0](["a boot"])


@pytest.mark.parametrize(("file", "field", "value"), ABSURD)
def test_a_value_that_cannot_be_is_named_with_its_file_and_field(changed, file, field, value):
    folder = changed(file, field, value)
    with pytest.raises(InputError) as caught:
        read(folder)
    said = str(caught.value)
    assert str(folder / file) in said
    assert f"as '{field}'" in said or f"'{field}'" in said
    assert "\n" not in said


@pytest.mark.parametrize(("file", "field", "value"), BETWEEN)
def test_what_does_not_go_together_gets_one_sentence(changed, file, field, value):
    folder = changed(file, field, value)
    with pytest.raises(InputError) as caught:
        read(folder)
    assert "\n" not in str(caught.value)


def test_what_is_unusual_and_possible_is_read(changed):
    read(changed(SCHEDULER, "num_train_timesteps", 250))
