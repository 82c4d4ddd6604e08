"""A state to be saved, where it is saved, and how it is compared."""

import pytest
import torch

from zeroreal.train import CheckpointFolder

IDENTITY = {"classifier": "resnet18", "recipe": {"epochs": 3, "betas": (0.9, 0.999)}}


def state(number):
    weight = torch.arange(24.0).reshape(2, 3, 2, 2).to(memory_format=torch.channels_last) + number
    return {
        "weights": {"a": weight, "shared": weight, "half": weight.bfloat16()},
        "moments": {0: {"step": torch.tensor(3.0)}, 1: {}},
        "flags": [True, None, "text", 0.1 + 0.2, 2**60],
        "random": torch.get_rng_state(),
        "empty": torch.empty(0, 3),
        "integers": torch.tensor([1, -(2**40)]),
        "number": number,
    }


def same(ours, theirs):
    assert type(ours) is type(theirs)
    if isinstance(theirs, torch.Tensor):
        assert ours.dtype == theirs.dtype
        assert torch.equal(ours, theirs)
    elif isinstance(theirs, dict):
        assert list(ours) == list(theirs)
        for key, value in theirs.items():
            same(ours[key], value)
    elif isinstance(theirs, list):
        for our, their in zip(ours, theirs, strict=True):
            same(our, their)
    else:
        assert ours == theirs


@pytest.fixture
def folder(tmp_path):
    return CheckpointFolder(tmp_path, IDENTITY)


@pytest.fixture(name="state", scope="session")
def _state():
    return state


@pytest.fixture(name="same", scope="session")
def _same():
    return same
