"""The loader benchmark on a few images."""

import pytest
import torch

from zeroreal.base import InputError
from zeroreal.benchmarks.loading import loader, loader_peer
from zeroreal.benchmarks.loading.loader import measure_loader
from zeroreal.benchmarks.loading.loader_cases import CASES
from zeroreal.benchmarks.loading.loader_peer import (
    TransformedImages,
    best_workers,
    mirrored_and_normalised,
    torchvision_loader,
    worker_counts,
)
from zeroreal.benchmarks.loading.settings import LoaderSettings
from zeroreal.train import ImagePool, Loader

CPU = torch.device("cpu")


def test_every_case_is_measured_by_both(monkeypatch):
    monkeypatch.setattr(loader, "_ROUND_SECONDS", 0.0)
    monkeypatch.setattr(loader_peer, "worker_counts", lambda: [0])
    found = measure_loader(LoaderSettings(images=6, batch_size=3, device="cpu", rounds=2))
    cases = ["shift-32", "crop-32", "crop-224"]
    assert [row.key for row in found.rows] == [
        (case, name) for case in cases for name in ("torchvision", "ours")
    ]
    for row in found.rows:
        assert (row.facts["workers"], list(row.facts["images_per_second_by_workers"])) == (0, ["0"])
        assert len(row.metrics["seconds"].values) == 2
    assert found.finished


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("workers", [0, 1])
def test_both_give_normalised_batches_of_one_size(name, workers):
    case = CASES[name]
    grey = torch.full((4, case.stored, case.stored, 3), 102, dtype=torch.uint8)
    labels = torch.tensor([3, 1, 4, 1])
    dataset = TransformedImages(grey, labels, mirrored_and_normalised(case.theirs()))
    pool = ImagePool.of(grey, labels, CPU)
    half = case.size // 2
    for batches in (
        torchvision_loader(dataset, 2, workers, CPU),
        Loader(pool, 2, augment=case.ours, size=case.size),
    ):
        seen = []
        for images, numbers in batches:
            assert images.shape == (2, 3, case.size, case.size)
            # 0.4 of white, less ImageNet's means, over its deviations; borders may be black.
            middle = torch.tensor(
                [(0.4 - 0.485) / 0.229, (0.4 - 0.456) / 0.224, (0.4 - 0.406) / 0.225]
            )
            torch.testing.assert_close(images[:, :, half, half], middle.expand(2, 3))
            seen += numbers.tolist()
        assert sorted(seen) == [1, 1, 3, 4]


@pytest.mark.parametrize(
    ("cores", "counts"), [(1, [0, 1]), (2, [0, 1, 2]), (6, [0, 1, 2, 4, 6]), (8, [0, 1, 2, 4, 8])]
)
def test_workers_are_tried_up_to_the_cores(monkeypatch, cores, counts):
    monkeypatch.setattr(loader_peer.os, "sched_getaffinity", lambda process: set(range(cores)))
    assert worker_counts() == counts


def test_the_best_number_of_workers_is_the_fastest(monkeypatch):
    monkeypatch.setattr(loader_peer, "worker_counts", lambda: [0, 1, 2])
    times = {0: 3.0, 1: 1.5, 2: 2.0}
    assert best_workers(times.__getitem__) == (1, times)


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"cases": ("shift-23",)}, "unknown loader case 'shift-23': did you mean 'shift-32'?"),
        ({"images": 0}, "images is 0: at least 1 is needed"),
        ({"batch_size": 0}, "batch size is 0: at least 1 is needed"),
        ({"rounds": 0}, "rounds is 0: at least 1 is needed"),
        ({"device": "tpu"}, "unknown device 'tpu'"),
    ],
)
def test_bad_settings_get_one_sentence(settings, complaint):
    with pytest.raises(InputError) as error:
        measure_loader(LoaderSettings(**settings))
    assert complaint in str(error.value)
