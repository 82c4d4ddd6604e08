"""Tiny checkpoints of each family, and the tiny architecture in place of the published sizes."""

import functools

import pytest
import torch
from safetensors.torch import save_file
from single_files import single_file
from tiny_models import shrunk

from zeroreal.export.model import random_weights
from zeroreal.export.model.random_weights import write_random_model
from zeroreal.export.model.single_file import convert


@pytest.fixture(scope="session")
def tiny_architecture():
    """A function that gives a family's architecture with a few narrow layers."""

    def make(family):
        described = shrunk(random_weights.architecture(family))
        if family == "sdxl":  # diffusers tells the two encoders apart by their widths
            described["text_encoder_2"] |= {"hidden_size": 64, "projection_dim": 64}
            described["unet"]["cross_attention_dim"] = 96
            described["unet"]["projection_class_embeddings_input_dim"] = 6 * 8 + 64
        if family == "sd-turbo":
            described["unet"]["sample_size"] = 4  # 2.x for 512 pixels of 768
        return described

    return make


@pytest.fixture(autouse=True)
def _tiny_architectures(monkeypatch, tiny_architecture):
    monkeypatch.setattr(convert, "architecture", tiny_architecture)


@pytest.fixture(scope="session")
def folders(tmp_path_factory, tiny_architecture):
    """A function that gives the folder of a family's tiny model with random weights, float32."""

    @functools.cache
    def make(family):
        folder = tmp_path_factory.mktemp(family)
        write_random_model(tiny_architecture(family), folder, torch.float32)
        return folder

    return make


@pytest.fixture
def checkpoint(tmp_path, folders):
    """A function that writes a family's tiny model as a file, changed."""

    def write(family="sd15", name="model.safetensors", without=(), metadata=None, **more):
        tensors = {**single_file(folders(family), family), **more}
        kept = {key: value for key, value in tensors.items() if not key.startswith(without)}
        save_file(
            {key: value.contiguous() for key, value in kept.items()}, tmp_path / name, metadata
        )
        return tmp_path / name

    return write
