"""The sizes that engines are built for."""

from dataclasses import replace

import pytest
import torch

from zeroreal.engine import DimensionRange
from zeroreal.export import EngineChoice
from zeroreal.export.engines.profiles import batch_profiles, chosen_batches

CPU = torch.device("cpu")
CHOICE = EngineChoice("torch", None, CPU, "fp32", batch_size=4)


@pytest.mark.parametrize(("given", "decoded"), [(None, 4), (2, 2), (16, 16)])
def test_the_decoder_is_built_for_a_batch_size_of_its_own(given, decoded):
    profiles = batch_profiles(*chosen_batches(replace(CHOICE, vae_batch_size=given)))
    assert profiles["vae_decoder"]["batch"] == DimensionRange(1, decoded, decoded)
    assert profiles["denoise"]["batch"] == DimensionRange(1, 4, 4)
