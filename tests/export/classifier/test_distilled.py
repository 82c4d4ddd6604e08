"""Images distilled from a network: they have its statistics, and calibrate it."""

import numpy as np
import pytest
import torch
from torch import nn

from zeroreal.base import InputError
from zeroreal.export.classifier.distilled import COUNT, distilled_images
from zeroreal.export.classifier.gate import agreement
from zeroreal.export.classifier.int8 import write_int8

NORMALISATION = ((0.5, 0.4, 0.45), (0.2, 0.25, 0.3))  # as the network's, in conftest.py


def gaps(network, normalised, images):
    """How far channels' means before each normalisation are from the kept, in deviations."""
    norms = [one for one in network.modules() if isinstance(one, nn.BatchNorm2d)]
    inputs = {}
    hooks = [
        one.register_forward_hook(lambda norm, given, _: inputs.update({norm: given[0]}))
        for one in norms
    ]
    with torch.no_grad():
        network(normalised(torch.from_numpy(images)))
    for hook in hooks:
        hook.remove()
    found = [
        ((inputs[one].mean((0, 2, 3)) - one.running_mean) / one.running_var.sqrt()).abs().mean()
        for one in norms
    ]
    return torch.stack(found)


def test_they_have_the_statistics_of_training(network, normalise):
    steps = []
    images = distilled_images(network, 16, *NORMALISATION, steps.append, steps=60)
    assert (images.shape, images.dtype) == ((COUNT, 16, 16, 3), np.uint8)
    assert steps == list(range(1, 61))
    noise = np.random.default_rng(0).integers(0, 256, images.shape, np.uint8)
    assert (gaps(network, normalise, images) < 0.3 * gaps(network, normalise, noise)).all()
    again = distilled_images(network, 16, *NORMALISATION, steps=60)
    assert np.array_equal(images, again)
    assert not any(one._forward_pre_hooks for one in network.modules())


def test_a_file_in_8_bits_that_they_calibrated_agrees(network, onnx_file, case, tmp_path):
    images = distilled_images(network, 16, *NORMALISATION, steps=60)
    ways = write_int8(onnx_file, images, case, tmp_path / "model.onnx")
    assert agreement([ways[0].comparison]) >= 0.97


def test_a_network_without_batch_normalisation_has_none():
    bare = nn.BatchNorm2d(4, track_running_stats=False)
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.GroupNorm(2, 4), bare)
    with pytest.raises(InputError, match="give --calibration-images generated"):
        distilled_images(network, 16, *NORMALISATION)
