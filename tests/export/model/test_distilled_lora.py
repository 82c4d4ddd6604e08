"""A distilled LoRA merged into the model's own UNet, against `peft` and unmodified `diffusers`."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from distilled_loras import (
    CHANNELS,
    EMBEDDING,
    LORA,
    PROJECTION,
    plain_unet,
    random_lora,
    write_record,
)
from safetensors.torch import load_file, save_file

from zeroreal.base import InputError
from zeroreal.export.graphs.modules import load_module
from zeroreal.export.model.parts import PartsChoice, find_parts


@pytest.fixture(scope="module")
def model(tiny_model):
    return tiny_model("sd15")


@pytest.fixture(scope="module")
def whole(model, tmp_path_factory):
    return random_lora(model, tmp_path_factory.mktemp("whole"))


@pytest.fixture
def folder(whole, tmp_path):
    """A LoRA's folder that a test may change."""
    return Path(shutil.copytree(whole, tmp_path / "lora"))


def parts(model, folder, **others):
    return find_parts(model, PartsChoice(unet=str(folder), **others))


def inputs(unet):
    """Latents, timesteps, text and other conditions of three images, by a UNet's argument names."""
    draw = torch.Generator().manual_seed(1)
    config = unet.config
    given = {
        "sample": torch.randn(3, 4, 8, 8, generator=draw),
        "timestep": torch.tensor([999.0, 504.0, 20.0]),
        "encoder_hidden_states": torch.randn(3, 7, config.cross_attention_dim, generator=draw),
        "timestep_cond": torch.randn(3, config.time_cond_proj_dim, generator=draw),
    }
    if config.addition_embed_type is not None:
        sizes = 6 * config.addition_time_embed_dim
        pooled = config.projection_class_embeddings_input_dim - sizes
        text, ids = torch.randn(3, pooled, generator=draw), torch.full((3, 6), 64.0)
        given["added_cond_kwargs"] = {"text_embeds": text, "time_ids": ids}
    return given


@torch.no_grad()
@pytest.mark.parametrize("family", ["sd15", "sd21", "sdxl"])
def test_the_merged_unet_is_that_of_peft_and_diffusers(tiny_model, family, tmp_path):
    model = tiny_model(family)
    folder = random_lora(model, tmp_path)
    expected = plain_unet(model, folder)
    given = inputs(expected)
    found = parts(model, folder)
    ours = load_module("denoise", found, torch.float32).unet
    assert found.info.guidance_channels == CHANNELS
    distance = ours(**given).sample - expected(**given).sample
    assert distance.abs().max() < 2e-5
    expected.disable_lora()
    assert (ours(**given).sample - expected(**given).sample).abs().max() > 0.01


@torch.no_grad()
def test_the_embedding_of_guidance_counts(model, whole, folder):
    weight = load_file(folder / EMBEDDING)[PROJECTION]
    save_file({PROJECTION: -weight}, folder / EMBEDDING)
    write_record(model, folder)
    first, second = (
        load_module("denoise", parts(model, one), None).unet for one in (whole, folder)
    )
    given = inputs(first)
    assert (first(**given).sample - second(**given).sample).abs().max() > 0.001


def test_merging_takes_no_peft(model, whole):
    program = (
        "import sys; sys.modules['peft'] = None\n"
        "from pathlib import Path\n"
        "from zeroreal.export.graphs.modules import load_module\n"
        "from zeroreal.export.model.parts import PartsChoice, find_parts\n"
        f"parts = find_parts(Path({str(model)!r}), PartsChoice(unet={str(whole)!r}))\n"
        "load_module('denoise', parts, None)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_each_file_decides_the_digest(model, whole, folder):
    digests = {parts(model, whole).digest, find_parts(model).digest}
    for name in (LORA, EMBEDDING):
        tensors = {n: 2 * weight for n, weight in load_file(folder / name).items()}
        save_file(tensors, folder / name)
        write_record(model, folder)
        digests.add(parts(model, folder).digest)
    write_record(model, folder, guidance=[1.0, 7.0])
    digests.add(parts(model, folder).digest)
    assert len(digests) == 5


def refused(model, folder):
    with pytest.raises(InputError) as caught:
        load_module("denoise", parts(model, folder), None)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("name", [LORA, EMBEDDING])
def test_a_missing_file_is_told(model, folder, name):
    (folder / name).unlink()
    assert f"{name}' is missing: copy the folder whole" in refused(model, folder)


@pytest.mark.parametrize("name", [LORA, EMBEDDING])
@pytest.mark.parametrize("damage", ["flipped", "cut", "empty"])
def test_a_damaged_file_is_told(model, folder, name, damage):
    content = bytearray((folder / name).read_bytes())
    content[-1] ^= 1
    kept = {"flipped": len(content), "cut": len(content) // 2, "empty": 0}[damage]
    (folder / name).write_bytes(content[:kept])
    assert f"{name}' is not the one that was written with the record" in refused(model, folder)


def test_files_of_two_distillations_do_not_serve_together(model, folder, tmp_path):
    (tmp_path / "other").mkdir()
    other = random_lora(model, tmp_path / "other", seed=1)
    shutil.copy(other / EMBEDDING, folder / EMBEDDING)
    assert f"{EMBEDDING}' is not the one" in refused(model, folder)


def test_a_lora_of_another_model_is_told(tiny_model, folder):
    message = refused(tiny_model("sd-turbo"), folder)
    assert "was distilled from another model" in message


def test_a_lora_of_changed_weights_is_told(model, folder, tmp_path):
    changed = Path(shutil.copytree(model, tmp_path / "model"))
    weights = changed / "unet" / "diffusion_pytorch_model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert "or its files changed since: distil this one" in refused(changed, folder)


def test_a_rank_that_the_file_does_not_have_is_told(model, folder):
    write_record(model, folder, 4)
    assert "its record says rank 4: copy the folder again" in refused(model, folder)


@pytest.mark.parametrize(
    ("tensors", "complaint"),
    [
        ({PROJECTION: torch.zeros(8, 16)}, "of 32 rows is needed"),
        ({PROJECTION: torch.zeros(32)}, "of 32 rows is needed"),
        ({"conv_in.weight": torch.zeros(32, 16)}, "of 32 rows is needed"),
        ({PROJECTION: torch.full((32, 16), torch.nan)}, "has NaN or infinity"),
    ],
)
def test_an_embedding_of_another_shape_is_told(model, folder, tensors, complaint):
    save_file(tensors, folder / EMBEDDING)
    write_record(model, folder)
    assert complaint in refused(model, folder)


def test_layers_that_the_model_does_not_have_are_told(model, folder):
    tensors = load_file(folder / LORA)
    renamed = {name.replace("unet.mid_block", "unet.end_block"): w for name, w in tensors.items()}
    save_file(renamed, folder / LORA)
    write_record(model, folder)
    assert "which the model does not have" in refused(model, folder)


@pytest.mark.parametrize(
    ("lora", "complaint"),
    [
        ({"rank": 0, "digests": {LORA: "0", EMBEDDING: "0"}}, "has 0 as 'lora.rank'"),
        ({"rank": "8", "digests": {LORA: "0", EMBEDDING: "0"}}, "'lora.rank'"),
        ({"rank": 3, "digests": {LORA: "0"}}, "as 'lora.digests'"),
        ({"rank": 3, "digests": {LORA: "0", EMBEDDING: "0", "../a": "0"}}, "as 'lora.digests'"),
        ({"rank": 3}, "lacks 'lora.digests'"),
        (7, "has 7 as 'lora'"),
    ],
)
def test_a_record_that_cannot_be_is_told(model, folder, lora, complaint):
    path = folder / "distilled.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "lora": lora}))
    message = refused(model, folder)
    assert complaint in message
    assert "copy the UNet again" in message
