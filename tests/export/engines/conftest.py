"""A cache of engines for the tests of a file."""

import shutil

import pytest
import torch

from zeroreal.assets import TINY_FASHION
from zeroreal.engine import Cache
from zeroreal.export import EngineChoice
from zeroreal.export.engines.model_export import exported_model


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """A cache of its own with the embedded model's export, out of the one that all tests share."""
    own, shared = Cache(tmp_path_factory.mktemp("engines")), Cache()
    choice = EngineChoice("onnxruntime", None, torch.device("cpu"), "fp32", batch_size=4)
    folder = exported_model(TINY_FASHION, choice, shared, lambda progress: None).folder
    entry = folder.parent
    shutil.copytree(entry, own.root / entry.relative_to(shared.root))
    return own
