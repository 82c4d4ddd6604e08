"""Mixing batches: what comes out is what the papers and timm say, and follows from (seed, step)."""

import numpy as np
import pytest
import torch
from timm.data import mixup as timm_mixup

from zeroreal.train.loop.targets import mix, smoothed_targets

CLASSES = 5


def batch(count=6, height=12, width=16):
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(count, 3, height, width, generator=generator)
    labels = torch.randint(CLASSES, (count,), generator=generator)
    return images, labels


def one_hot(labels):
    return smoothed_targets(labels, CLASSES, 0.0)


def own_share(mixup, cutmix, step, seed=3):
    """The weight that the target of the first of two images keeps."""
    images = torch.zeros(2, 3, 20, 30)
    return float(mix(images, torch.eye(2), mixup, cutmix, seed, step)[1][0, 0])


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_smoothed_targets_are_those_of_pytorchs_cross_entropy(smoothing):
    _, labels = batch()
    logits = torch.randn(6, CLASSES, generator=torch.Generator().manual_seed(1))
    targets = smoothed_targets(labels, CLASSES, smoothing)
    loss = torch.nn.functional.cross_entropy
    expected = loss(logits, labels, label_smoothing=smoothing)
    assert torch.allclose(targets.sum(1), torch.ones(6))
    assert torch.allclose(loss(logits, targets), expected, atol=1e-6)


def test_mixup_and_targets_are_those_of_timm_with_the_same_share(monkeypatch):
    images, labels = batch()
    ours, targets = mix(images.clone(), smoothed_targets(labels, CLASSES, 0.1), 0.4, 0.0, 7, 3)
    share = (ours[0] - images[5]).sum() / (images[0] - images[5]).sum()
    reference = timm_mixup.Mixup(mixup_alpha=0.4, label_smoothing=0.1, num_classes=CLASSES)
    monkeypatch.setattr(np.random, "beta", lambda *_: float(share))
    expected, expected_targets = reference(images.clone(), labels)
    assert 0 < share < 1
    assert torch.allclose(ours, expected, atol=1e-5)
    assert torch.allclose(targets, expected_targets, atol=1e-5)


@pytest.mark.parametrize("step", range(8))
def test_cutmix_pastes_one_box_and_weighs_by_its_area(step):
    images, labels = batch()
    mixed, targets = mix(images.clone(), one_hot(labels), 0.0, 1.0, 7, step)
    pasted = (mixed == images.flip(0)).all(1)  # [B, H, W]
    kept = (mixed == images).all(1)
    assert (pasted ^ kept).all()
    assert (pasted == pasted[0]).all()
    rows, columns = pasted[0].any(1), pasted[0].any(0)
    assert torch.equal(pasted[0], rows[:, None] & columns)  # the outer product: a box
    share = 1 - pasted[0].float().mean()
    expected = share * one_hot(labels) + (1 - share) * one_hot(labels).flip(0)
    assert torch.allclose(targets, expected, atol=1e-6)


def test_boxes_are_those_of_timm_on_average():
    steps = range(1500)
    areas = [1 - own_share(0.0, 1.0, step) for step in steps]
    np.random.seed(0)
    reference = [
        1 - timm_mixup.cutmix_bbox_and_lam((20, 30), np.random.beta(1, 1))[1] for _ in steps
    ]
    # The standard error of a mean of 1,500 areas is 0.006.
    assert np.mean(areas) == pytest.approx(np.mean(reference), abs=0.03)
    assert np.std(areas) == pytest.approx(np.std(reference), abs=0.03)


def test_shares_of_mixup_follow_its_beta_distribution():
    shares = np.array([own_share(0.2, 0.0, step) for step in range(1500)])
    # Beta(a, a): mean 1/2, variance 1 / (4 (2a + 1)).
    assert shares.mean() == pytest.approx(0.5, abs=0.05)
    assert shares.var() == pytest.approx(1 / (4 * 1.4), abs=0.02)


def test_with_both_half_of_the_batches_are_cut():
    images, labels = batch()
    cut = 0
    for step in range(400):
        mixed, _ = mix(images.clone(), one_hot(labels), 1.0, 1.0, 0, step)
        cut += bool(((mixed == images) | (mixed == images.flip(0))).all())
    assert 160 < cut < 240  # four standard deviations


def test_numbers_follow_from_seed_and_step_alone():
    images, labels = batch()
    torch.manual_seed(0)
    first = mix(images.clone(), one_hot(labels), 0.5, 1.0, 1, 2)
    torch.manual_seed(1)
    np.random.seed(1)
    again = mix(images.clone(), one_hot(labels), 0.5, 1.0, 1, 2)
    assert all(torch.equal(*pair) for pair in zip(first, again, strict=True))
    shares = {own_share(0.5, 0.0, step, seed) for seed in (1, 2) for step in (1, 2)}
    assert len(shares) == 4


def test_without_alphas_nothing_is_mixed():
    images, labels = batch()
    mixed, targets = mix(images.clone(), one_hot(labels), 0.0, 0.0, 0, 0)
    assert torch.equal(mixed, images)
    assert torch.equal(targets, one_hot(labels))


def test_images_are_mixed_in_place_and_stay_channels_last_bfloat16():
    images, labels = batch()
    images = images.bfloat16().contiguous(memory_format=torch.channels_last)
    mixed, targets = mix(images, one_hot(labels), 1.0, 0.0, 0, 0)
    assert mixed is images
    assert mixed.is_contiguous(memory_format=torch.channels_last)
    assert targets.dtype == torch.float32
