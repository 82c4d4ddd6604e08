"""Near duplicates: the hash by another way to compute it, and what counts as earlier."""

import io

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.fft import dct

from zeroreal.base import InputError
from zeroreal.generate import DuplicateFilter, SampleSpec, perceptual_hash


def smooth(count, side=32, seed=0):
    """Images of soft blobs, uint8 `[count, side, side, 3]`."""
    small = np.random.default_rng(seed).integers(0, 256, (count, 6, 6, 3), dtype=np.uint8)
    grown = [Image.fromarray(one).resize((side, side), Image.Resampling.BICUBIC) for one in small]
    return torch.tensor(np.stack([np.asarray(one) for one in grown]))


def hash_by_scipy(image):
    """The 64 bits, as the paper describes them."""
    grey = image.numpy().astype(np.float64) @ [0.299, 0.587, 0.114]
    small = Image.fromarray(grey.astype(np.float32)).resize((32, 32), Image.Resampling.BILINEAR)
    waves = dct(dct(np.asarray(small, dtype=np.float64), axis=0), axis=1)[:8, :8]
    return (waves > np.median(waves)).flatten().tolist()


def bits(hashes):
    return [[bool(value >> place & 1) for place in range(64)] for value in hashes.tolist()]


def as_jpeg(image, quality):
    file = io.BytesIO()
    Image.fromarray(image.numpy()).save(file, "JPEG", quality=quality)
    return torch.tensor(np.asarray(Image.open(file)))


def specs_of(labels):
    return [SampleSpec(n, label, "", "", 1.0, 0) for n, label in enumerate(labels)]


def judge(ours, images, labels=None, handed_over=None):
    """What a filter keeps of a batch, of which it is then told what is handed over."""
    verdict = ours(images, specs_of(labels or [0] * len(images)))
    ours.handed_over(verdict.keep if handed_over is None else torch.tensor(handed_over))
    return verdict.keep.tolist()


@pytest.mark.parametrize("side", [20, 32, 48, 200])
def test_the_hash_is_that_of_scipy_and_pillow(side):
    images = smooth(12, side)
    assert bits(perceptual_hash(images)) == [hash_by_scipy(image) for image in images]


def test_frequencies_that_a_symmetric_image_lacks_are_not_decided_by_rounding():
    images = smooth(8) // 2
    symmetric = images + images.flip(2)
    for found in bits(perceptual_hash(symmetric)):
        lacking = {found[8 * down + across] for down in range(8) for across in (1, 3, 5, 7)}
        assert len(lacking) == 1


def test_a_jpeg_of_an_image_is_its_duplicate_and_another_image_is_none():
    images = smooth(6)
    ours = DuplicateFilter()
    assert judge(ours, images) == [True] * 6
    copies = torch.stack([as_jpeg(image, 75) for image in images])
    assert not torch.equal(copies, images)
    assert judge(ours, copies) == [False] * 6
    assert judge(ours, smooth(6, seed=1)) == [True] * 6


def test_a_duplicate_is_of_the_same_class():
    ours = DuplicateFilter()
    image = smooth(1)
    assert judge(ours, image, [3]) == [True]
    assert judge(ours, image.repeat(2, 1, 1, 1), [4, 3]) == [True, False]


def test_earlier_rows_of_the_same_batch_count_by_class():
    one, other = smooth(2)
    ours = DuplicateFilter()
    batch = torch.stack([one, other, one, one, one])
    assert judge(ours, batch, [0, 0, 0, 1, 1]) == [True, True, False, True, False]


def test_a_row_that_is_like_a_rejected_one_alone_is_kept():
    """One image fades into another: the first step too far, and the step before it."""
    begin, end = smooth(2).float()
    steps = [(begin + (end - begin) * n / 100).round().byte() for n in range(101)]
    hashes = [np.array(hash_by_scipy(step)) for step in steps]
    far = next(n for n in range(101) if (hashes[n] != hashes[0]).sum() > 4)
    assert 0 < (hashes[far] != hashes[far - 1]).sum() <= 4
    batch = torch.stack([steps[0], steps[far - 1], steps[far]])
    assert judge(DuplicateFilter(4), batch) == [True, False, True]


def test_a_new_unit_of_work_forgets_the_images_of_the_one_before():
    ours, images = DuplicateFilter(), smooth(3)
    judge(ours, images)
    ours.begin()
    assert judge(ours, images) == [True] * 3


def test_an_image_counts_once_it_is_handed_over():
    ours, images = DuplicateFilter(), smooth(2)
    assert judge(ours, images, handed_over=[False, True]) == [True, True]
    assert judge(ours, images, handed_over=[True, False]) == [True, False]
    assert judge(ours, images) == [False, False]


def test_the_limit_is_a_number_of_bits_that_the_score_tells():
    one = smooth(1)
    near = as_jpeg(one[0], 5)[None]
    pairs = zip(hash_by_scipy(one[0]), hash_by_scipy(near[0]), strict=True)
    distance = sum(left != right for left, right in pairs)
    assert distance > 0
    for limit, kept in ((distance - 1, True), (distance, False)):
        ours = DuplicateFilter(limit)
        assert judge(ours, one) == [True]
        verdict = ours(near, specs_of([0]))
        assert verdict.keep.tolist() == [kept]
        assert verdict.score.tolist() == [distance]
    assert DuplicateFilter()(one, specs_of([0])).score.tolist() == [64]


@pytest.mark.parametrize("distance", [-1, 64])
def test_a_limit_that_nothing_or_everything_reaches_is_refused(distance):
    with pytest.raises(InputError, match=f"is {distance} bits: choose 0 to 63"):
        DuplicateFilter(distance)
