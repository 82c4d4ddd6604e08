"""Weights that do not fit their configuration are refused by name, before anything is computed."""

import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from zeroreal.base import InputError
from zeroreal.export.model.components import load_text_encoders, load_unet, load_vae
from zeroreal.export.model.model_info import read_model_info

PREFIX = "clip_l.transformer."


@pytest.fixture
def changed(tiny_model, tmp_path):
    """A function that copies the tiny model with one weights file changed, and gives that file."""

    def change(part, edit):
        folder = shutil.copytree(tiny_model("sd15"), tmp_path / "model")
        file = next((folder / part).glob("*.safetensors"))
        tensors = load_file(file)
        save_file(edit(dict(tensors)) or tensors, file, {"format": "pt"})
        return file

    return change


def load(file):
    part = file.parent
    if part.name == "unet":
        return load_unet(part, torch.float32)
    if part.name == "vae":
        return load_vae(part, torch.float32)
    return load_text_encoders(part.parent, read_model_info(part.parent), torch.float32)


def without(name):
    return lambda tensors: {key: value for key, value in tensors.items() if key != name}


@pytest.mark.parametrize(
    ("part", "edit", "complaint"),
    [
        (
            "unet",
            without("mid_block.resnets.0.conv1.weight"),
            "lacks tensor 'mid_block.resnets.0.conv1.weight' for the UNet2DConditionModel",
        ),
        ("unet", lambda t: {**t, "head": torch.ones(1)}, "has tensor 'head' too many for the UNet"),
        (
            "vae",
            without("decoder.conv_out.weight"),
            "lacks tensor 'decoder.conv_out.weight' for the AutoencoderKL",
        ),
        (
            "text_encoder",
            lambda t: {PREFIX + key: value for key, value in t.items()},
            "more and has tensors 'clip_l.transformer.",
        ),
    ],
)
def test_tensors_that_libraries_only_warn_of_are_named(changed, part, edit, complaint):
    file = changed(part, edit)
    with pytest.raises(InputError) as caught:
        load(file)
    assert complaint in str(caught.value)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_old_versions_saved_besides_is_no_fault(changed):
    """`position_ids` was a saved buffer until transformers 4.31."""
    ids = {"text_model.embeddings.position_ids": torch.arange(77)[None]}
    (encoder,) = load(changed("text_encoder", lambda tensors: {**tensors, **ids}))
    assert encoder(torch.zeros(1, 77, dtype=torch.int64)).last_hidden_state.isfinite().all()
