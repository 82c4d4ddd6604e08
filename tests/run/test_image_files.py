"""The files of an unfinished run's images: what is in them comes back, and nothing else does."""

import json
import math

import pytest
import torch
from safetensors.torch import load_file, save_file

from zeroreal.base import InputError
from zeroreal.base.sealed import read_sealed, sealed
from zeroreal.run import images as images_module
from zeroreal.run.images import ImageFiles
from zeroreal.train import ImagePool

CPU = torch.device("cpu")
IDENTITY = {"classes": [["a", "a cat"]], "steps": 2, "model's digest": "0123"}
BYTES = 4 * 4 * 3


@pytest.fixture
def pool(numbered):
    """A pool of 8 slots with samples 0 to 5, labelled in turn."""
    pool = ImagePool(8, 4, CPU)
    pool.add(numbered.pictures(range(6)), [0, 1, 2] * 2, range(6))
    return pool


@pytest.fixture
def of(tmp_path):
    """A function that gives the files of a run."""

    def make(seconds=math.inf, **changes):
        return ImageFiles(tmp_path, {**IDENTITY, **changes}, 4, seconds)

    return make


@pytest.fixture
def path(of, pool, tmp_path):
    """The one file of the images of `pool`."""
    of().save(pool)
    return tmp_path / "generated" / "00000.safetensors"


def read(files, samples):
    """What comes back, by sample."""
    return {
        sample: image
        for found, images in files.read(samples)
        for sample, image in zip(found, images, strict=True)
    }


def test_images_come_back_by_their_samples(of, path, numbered):
    files = of()
    assert set(files.samples) == set(range(6))
    found = read(files, [4, 9, 0, 5])
    assert sorted(found) == [0, 4, 5]
    for sample, image in found.items():
        assert torch.equal(image, numbered.pictures([sample])[0])


def test_only_new_images_are_saved_a_few_in_a_file(of, pool, numbered, tmp_path, monkeypatch):
    monkeypatch.setattr(images_module, "_FILE_BYTES", 4 * BYTES)
    files = of()
    files.save(pool)
    files.save(pool)
    pool.add(numbered.pictures([6]), [0], [6])
    of().save(pool)  # a process that goes on
    names = sorted((tmp_path / "generated").iterdir())
    assert [load_file(name)["samples"].tolist() for name in names] == [[0, 1, 2, 3], [4, 5], [6]]


def test_files_of_images_that_others_replaced_are_removed(of, pool, numbered, tmp_path):
    files = of()
    files.save(pool)
    for samples in (range(6, 8), range(8, 12)):
        if len(samples) > pool.free:
            pool.evict(len(samples), "oldest")
        pool.add(numbered.pictures(samples), [0] * len(samples), samples)
        files.save(pool)
    assert sorted(files.samples) == list(range(12))  # 4 and 5 are still in the pool
    pool.evict(2, "oldest")
    files.save(pool)
    assert sorted(files.samples) == sorted(of().samples) == list(range(6, 12))


def test_files_that_were_not_read_yet_stay(of, path, numbered, tmp_path):
    """A run goes on from an early checkpoint: later images are in files, not in the pool."""
    files, pool = of(), ImagePool(8, 4, CPU)
    pool.add(numbered.pictures([20]), [0], [20])
    files.save(pool)
    assert sorted(files.samples) == [0, 1, 2, 3, 4, 5, 20]


def test_images_are_saved_when_it_is_time(of, pool):
    of(seconds=3600).save_when_due(pool)
    assert not of().samples
    of(seconds=0).save_when_due(pool)
    assert len(of().samples) == 6


def test_images_that_were_saved_for_good_stay_whatever_is_freed(of, path, pool, numbered):
    files = of(seconds=3600)
    list(files.read(range(6)))
    pool.add(numbered.pictures([6]), [0], [6])
    files.save_for_good(pool)
    pool.keep_only({6})
    files.save(pool)
    assert sorted(files.samples) == sorted(of().samples) == list(range(7))
    without = of()  # saves nothing on the way
    pool.add(numbered.pictures([7]), [0], [7])
    without.save_for_good(pool)
    assert sorted(of().samples) == list(range(7))


def test_what_a_kill_left_half_written_is_removed(of, path):
    half = path.with_name(".00001.safetensors.1-2.tmp")
    half.write_bytes(path.read_bytes()[:50])
    assert len(of().samples) == 6
    assert not half.exists()


def test_every_flipped_byte_is_noticed(of, path):
    whole = path.read_bytes()
    for place in range(8, len(whole)):
        changed = bytearray(whole)
        changed[place] ^= 1
        path.write_bytes(changed)
        with pytest.raises(InputError) as caught:
            of()
        assert "\n" not in str(caught.value)
        assert str(path) in str(caught.value)
    path.write_bytes(whole)
    assert len(of().samples) == 6


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (
            lambda parts: {"images": parts["images"][:, :2]},
            r"uint8 \(6, 2, 4, 3\), not torch.uint8",
        ),
        (lambda parts: {"images": parts["images"].int()}, "images are torch.int32"),
        (lambda parts: {"images": parts["images"][1:]}, r"\(5, 4, 4, 3\)"),
        (lambda parts: {"samples": torch.tensor([0, 1, 2, 3, 4, 4])}, "has a sample twice"),
        (lambda parts: {"samples": parts["samples"].float()}, r"its samples are torch.float32"),
        (lambda parts: {"samples": torch.tensor(5)}, r"its samples are torch.int64 \(\)"),
        (lambda parts: {"other": parts["samples"]}, "'images'"),
    ],
)
def test_other_content_is_refused_even_where_its_digest_is_right(of, path, change, complaint):
    file = read_sealed(path)
    changed = change(file.tensors)
    kept = {} if "other" in changed else {k: v.clone() for k, v in file.tensors.items()}
    parts = {name: value.contiguous() for name, value in {**kept, **changed}.items()}
    path.write_bytes(sealed(parts, file.text))
    with pytest.raises(InputError, match=f"is damaged .*{complaint}.*generate its images again"):
        of()


@pytest.mark.parametrize(
    ("text", "complaint"), [("{", "is damaged"), ("[5]", r"\[5\], which names no training")]
)
def test_another_description_is_refused_even_where_its_digest_is_right(of, path, text, complaint):
    path.write_bytes(sealed(read_sealed(path).tensors, text))
    with pytest.raises(InputError, match=complaint):
        of()


def test_a_file_without_a_digest_is_refused(of, path):
    save_file({name: value.clone() for name, value in load_file(path).items()}, path)
    with pytest.raises(InputError, match="it has no digest"):
        of()


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"steps": 4}, "of steps 2, this run has 4"),
        ({"model's digest": "4567"}, "of model's digest '0123', this run has '4567'"),
        ({"classes": [["a", "a dog"]]}, "of classes"),
    ],
)
def test_images_of_something_else_are_refused(of, path, changes, complaint):
    with pytest.raises(InputError, match=f"holds images {complaint}.*: restore config.yaml"):
        of(**changes)
    assert json.loads(read_sealed(path).text) == IDENTITY
