"""The loader benchmark on a few images, and the table of rates that it shares."""

import json

import pytest
import torch

from zeroreal.base import InputError
from zeroreal.benchmarks.harness import Contender
from zeroreal.benchmarks.harness.rates import RateCase, bench_rates
from zeroreal.benchmarks.loading import loader, loader_peer
from zeroreal.benchmarks.loading.loader import LoaderSettings, bench_loader
from zeroreal.benchmarks.loading.loader_cases import CASES
from zeroreal.benchmarks.loading.loader_peer import (
    TransformedImages,
    best_workers,
    mirrored_and_normalised,
    torchvision_loader,
    worker_counts,
)
from zeroreal.train import ImagePool, Loader

CPU = torch.device("cpu")


def interrupt():
    raise KeyboardInterrupt


def contender(name, *seconds):
    """One whose rounds take these seconds; past them, somebody presses Ctrl-C."""
    times = iter(seconds)
    return Contender(name, lambda: next(times, None) or interrupt())


def test_every_case_is_measured_by_both_and_written(monkeypatch, tmp_path):
    monkeypatch.setattr(loader, "_ROUND_SECONDS", 0.0)
    monkeypatch.setattr(loader_peer, "worker_counts", lambda: [0])
    path = tmp_path / "loader.json"
    result = bench_loader(
        LoaderSettings(images=6, batch_size=3, device="cpu", rounds=2, result=path)
    )
    assert json.loads(path.read_text()) == result
    assert [row["case"] for row in result["cases"]] == ["shift-32", "crop-32", "crop-224"]
    for row in result["cases"]:
        assert (row["workers"], list(row["images_per_second_by_workers"])) == (0, ["0"])
        assert [one["name"] for one in row["contenders"]] == ["torchvision", "ours"]
        assert [len(one["seconds"]) for one in row["contenders"]] == [2, 2]


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


def test_rates_are_of_the_median_and_against_the_first():
    case = RateCase(
        "a", 12, [contender("theirs", 4, 6, 5), contender("ours", 2, 4, 2)], {"side": 8}
    )
    result = bench_rates([case], 3, {"threads": 2}, None)
    assert (result["threads"], result["interrupted"]) == (2, False)
    (row,) = result["cases"]
    theirs, ours = row["contenders"]
    assert (row["case"], row["images"], row["side"]) == ("a", 12, 8)
    assert theirs["images_per_second"] == pytest.approx(12 / 5)
    assert ours["images_per_second"] == pytest.approx(12 / 2)
    assert ours["ratio_each_round"] == pytest.approx([4 / 2, 6 / 4, 5 / 2])
    assert ours["ratio"]["median"] == pytest.approx(2.0)
    assert not row["valid"]


def test_a_contender_that_fails_is_reported_with_its_reason():
    def fail():
        raise RuntimeError("no memory")

    case = RateCase("a", 12, [contender("theirs", 4), Contender("ours", fail)])
    theirs, ours = bench_rates([case], 1, {}, None)["cases"][0]["contenders"]
    assert theirs["images_per_second"] == pytest.approx(3.0)
    assert ours == {"name": "ours", "reason": "RuntimeError: no memory", "seconds": []}


def test_an_interruption_ends_the_measurement_with_the_finished_rounds(tmp_path):
    path = tmp_path / "rates.json"
    cases = [RateCase(name, 12, [contender("ours", 4.0)]) for name in "ab"]
    result = bench_rates(cases, 2, {}, path)
    assert json.loads(path.read_text()) == result
    assert result["interrupted"]
    assert [row["case"] for row in result["cases"]] == ["a"]
    assert result["cases"][0]["contenders"][0]["seconds"] == [4.0]


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
        bench_loader(LoaderSettings(**settings))
    assert complaint in str(error.value)


def test_a_result_that_cannot_be_written_is_found_before_anything_is_measured(tmp_path):
    with pytest.raises(InputError, match="is a folder"):
        bench_loader(LoaderSettings(device="cpu", result=tmp_path))
