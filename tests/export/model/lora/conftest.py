"""LoRA files of random layers, and what they must change, summed in float64."""

import copy

import pytest
import torch
from diffusers import StableDiffusionPipeline
from safetensors.torch import save_file
from torch import nn

from zeroreal.assets import TINY_FASHION
from zeroreal.base.errors import InputError

Q = "up_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"


SPELLINGS = {
    "peft": (".lora_A.weight", ".lora_B.weight"),
    "diffusers": (".lora.down.weight", ".lora.up.weight"),
    "diffusers text": (".lora_linear_layer.down.weight", ".lora_linear_layer.up.weight"),
    "kohya": (".lora_down.weight", ".lora_up.weight"),
}


@pytest.fixture(scope="module")
def stored_pipeline():
    return StableDiffusionPipeline.from_pretrained(TINY_FASHION, safety_checker=None)


@pytest.fixture
def unet(stored_pipeline):
    return copy.deepcopy(stored_pipeline.unet)


@pytest.fixture
def encoder(stored_pipeline):
    return copy.deepcopy(stored_pipeline.text_encoder)


def layers(module):
    """The layers that LoRA trainers change, by path without transformers' changing level."""
    return {
        name.removeprefix("text_model."): layer
        for name, layer in module.named_modules()
        if isinstance(layer, nn.Linear | nn.Conv2d)
    }


def random_factors(layer, rank, generator):
    """`down` and `up` of a layer, as kohya's LoRA modules and peft's shape them."""
    out_size, *in_shape = layer.weight.shape
    ones = [1] * (len(in_shape) - 1)
    down = torch.randn(rank, *in_shape, generator=generator) / 8
    up = torch.randn(out_size, rank, *ones, generator=generator) / 8
    return down, up


def product(down, up):
    return torch.einsum("or,r...->o...", up.double().flatten(1), down.double())


def write(path, tensors, metadata=None):
    save_file(tensors, path, metadata)
    return path


def write_random(path, module, name_of, spelling="peft", alpha=None, seed=0):
    """A file that changes every layer of `module`, and what it adds to each, in float64.

    Args:
        path: the file.
        module: whose layers are changed.
        name_of: the layer's name in the file, for its path in the module.
        spelling: which endings the names have.
        alpha: the alpha of the layer of an index; without it, none is written.
        seed: of the matrices.
    """
    generator = torch.Generator().manual_seed(seed)
    tensors, added = {}, {}
    for index, (name, layer) in enumerate(layers(module).items()):
        rank = 1 + index % 3
        down, up = random_factors(layer, rank, generator)
        for ending, factor in zip(SPELLINGS[spelling], (down, up), strict=True):
            tensors[name_of(name) + ending] = factor
        if alpha is not None:
            tensors[name_of(name) + ".alpha"] = torch.tensor(float(alpha(index)))
        added[name] = product(down, up) * (1 if alpha is None else alpha(index) / rank)
    return write(path, tensors), added


def check_added(module, before, *changes):
    """Every layer is what it was plus the changes; every other parameter is what it was."""
    old = layers(before)
    for name, layer in layers(module).items():
        expected = old[name].weight.double() + sum(change[name] for change in changes)
        torch.testing.assert_close(layer.weight.double(), expected, rtol=0, atol=2e-6)
    weights = {f"{name}.weight" for name in old}
    for name, value in before.state_dict().items():
        if name.removeprefix("text_model.") not in weights:
            assert torch.equal(module.state_dict()[name], value)


def same(module, before):
    return all(map(torch.equal, module.state_dict().values(), before.state_dict().values()))


def complaint(call, *arguments):
    with pytest.raises(InputError) as caught:
        call(*arguments)
    message = str(caught.value)
    assert "\n" not in message
    return message


def small_tensors(unet, layer=Q):
    down, up = random_factors(unet.get_submodule(layer), 2, torch.Generator().manual_seed(0))
    return {f"unet.{layer}.lora_A.weight": down, f"unet.{layer}.lora_B.weight": up}


@pytest.fixture(name="layers", scope="session")
def _layers():
    return layers


@pytest.fixture(name="random_factors", scope="session")
def _random_factors():
    return random_factors


@pytest.fixture(name="product", scope="session")
def _product():
    return product


@pytest.fixture(name="write", scope="session")
def _write():
    return write


@pytest.fixture(name="write_random", scope="session")
def _write_random():
    return write_random


@pytest.fixture(name="check_added", scope="session")
def _check_added():
    return check_added


@pytest.fixture(name="same", scope="session")
def _same():
    return same


@pytest.fixture(name="complaint", scope="session")
def _complaint():
    return complaint


@pytest.fixture(name="small_tensors", scope="session")
def _small_tensors():
    return small_tensors
