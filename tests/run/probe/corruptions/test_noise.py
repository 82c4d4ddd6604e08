"""Noise has the distribution that its name says."""

import numpy as np
import pytest
import torch
from scipy import stats

from zeroreal.run.probe.corruptions import noise
from zeroreal.run.probe.corruptions.draws import draws_of

MANY = draws_of(1, "test", torch.arange(4))


def plain(level):
    """Pictures of one level of 255, float32 `[4, 3, 48, 48]`."""
    return torch.full((4, 3, 48, 48), level / 255)


def test_gaussian_noise_has_its_deviation_and_no_mean():
    found = noise.gaussian_noise(plain(128), MANY, 0.1) - 128 / 255
    assert float(found.mean()) == pytest.approx(0, abs=0.003)
    assert float(found.std()) == pytest.approx(0.1, rel=0.02)
    assert stats.kstest(found.flatten().numpy() / 0.1, "norm").pvalue > 0.01


@pytest.mark.parametrize(("level", "photons"), [(0, 60), (20, 3), (128, 60), (200, 500), (255, 5)])
def test_shot_noise_counts_photons_as_poisson_does(level, photons):
    counts = noise.shot_noise(plain(level), MANY, photons) * photons
    assert torch.allclose(counts, counts.round(), atol=1e-3)
    values = np.arange(0, 600)
    shares = np.searchsorted(np.sort(counts.round().flatten().numpy()), values, side="right")
    expected = stats.poisson.cdf(values, level / 255 * photons)
    assert np.abs(shares / counts.numel() - expected).max() < 0.012


def test_shot_noise_of_black_is_black():
    assert noise.shot_noise(plain(0), MANY, 60).max() == 0


def test_impulses_hit_their_share_and_leave_the_rest():
    found = noise.impulse_noise(plain(128), MANY, 0.27)
    hit = found != 128 / 255
    assert float(hit.double().mean()) == pytest.approx(0.27, abs=0.01)
    assert set(found[hit].tolist()) == {0.0, 1.0}
    assert float(found[hit].mean()) == pytest.approx(0.5, abs=0.02)
