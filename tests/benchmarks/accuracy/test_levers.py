"""The benchmark of levers: equal times, the table that comes of it, what is measured again."""

import pytest

from zeroreal.base import InputError
from zeroreal.benchmarks.accuracy import levers
from zeroreal.benchmarks.accuracy.lever_settings import LEVERS
from zeroreal.benchmarks.accuracy.lever_table import lever_table
from zeroreal.benchmarks.accuracy.levers import LeversSettings, bench_levers, equal_time_images
from zeroreal.benchmarks.accuracy.runs import Accuracy
from zeroreal.generate import GenerateSettings
from zeroreal.run.budget.levers import LeverSetting, read_levers

SPEED = {
    "training": {"images_per_second": {"median": 1600.0}},  # 0.01 s an image in 16 epochs
    "generation": {
        "baseline": {
            "images_per_second": {"median": 50.0},
            "stage_seconds": {"text": 0.001, "denoise": 0.017, "decode": 0.002},
        },
        "guidance-0.6-6": {
            "images_per_second": {"median": 80.0},
            "stage_seconds": {"text": 0.001, "denoise": 0.008, "decode": 0.003},
        },
    },
}


def held_out(**by_seed):
    return {int(seed[1:]): Accuracy(test=0.0, held_out=value) for seed, value in by_seed.items()}


def test_equal_time_counts_generation_and_training():
    assert equal_time_images(SPEED, "baseline") == 2000  # 0.03 s an image, one minute
    assert equal_time_images(SPEED, "guidance-0.6-6") == 2700  # 0.0225 s an image, 2666.7


def test_the_table_holds_ratios_to_the_baseline_of_the_same_seed(tmp_path):
    results = {
        "baseline": {
            2000: held_out(s0=0.8, s1=0.75),  # errors 0.2 and 0.25
            4000: held_out(s0=0.9),  # half the error of seed 0
        },
        "guidance-0.6-6": {2000: held_out(s0=0.7, s1=0.8)},  # 1.5 and 0.8 times the error
        "ddim": {4000: held_out(s0=0.7)},  # not measured at equal images
    }
    path = tmp_path / "levers.yaml"
    path.write_text(lever_table(results, SPEED, 2000))
    table = read_levers(path)
    assert table.settings == (
        LeverSetting("baseline", {}, 1.0, 1.0, 1.0),
        LeverSetting("guidance-0.6-6", {"guidance_interval": (0.6, 6.0)}, 1.15, 0.5, 1.5),
    )
    assert table.errors == {2000: 0.225, 4000: 0.1125}


def test_every_lever_is_one_of_a_run():
    for change in LEVERS.values():
        GenerateSettings(**change)


@pytest.fixture
def bench(tmp_path, monkeypatch):
    """A function that runs the benchmark with fakes; `asked` are the accuracies asked for."""
    asked, speeds = [], []

    class FakeRuns:
        def __init__(self, *arguments):
            pass

        def accuracy(self, name, change, seed, images):
            asked.append((name, seed, images))
            return Accuracy(0.5, 0.5)

    def measure_speed(chosen, rounds, device, tell):
        speeds.append(list(chosen))
        return {**SPEED, "number": len(speeds)}

    monkeypatch.setattr(levers, "AccuracyRuns", FakeRuns)
    monkeypatch.setattr(levers, "measure_speed", measure_speed)

    def run(*phases, **settings):
        settings = {"settings": ("baseline", "guidance-0.6-6"), "seeds": (3, 4), **settings}
        return bench_levers(
            LeversSettings(tmp_path, phases, work=tmp_path / "work", device="cpu", **settings)
        )

    run.asked, run.speeds = asked, speeds
    return run


@pytest.mark.parametrize("phase", ["images", "curve"])
def test_phases_without_speeds_need_none(phase, bench, tmp_path):
    result = tmp_path / "result.json"
    bench(phase, result=result, settings=("baseline", "ddim"))
    assert result.exists()
    expected = {
        "images": [("baseline", s, 2000) for s in (3, 4)] + [("ddim", s, 2000) for s in (3, 4)],
        "curve": [("baseline", 3, n) for n in levers.CURVE]
        + [("baseline", 4, n) for n in levers.CURVE if n <= 2000],
    }
    assert sorted(bench.asked) == sorted(expected[phase])
    assert bench.speeds == []


def test_speeds_are_kept_for_the_settings_that_they_are_of(bench, monkeypatch):
    assert bench("speed")["speed"]["number"] == 1
    assert bench("speed", "time")["speed"]["number"] == 1
    assert ("guidance-0.6-6", 3, 2700) in bench.asked
    assert bench("speed", settings=("ddim",))["speed"]["number"] == 2
    assert bench.speeds == [["baseline", "guidance-0.6-6"], ["baseline", "ddim"]]
    monkeypatch.setattr(levers, "LEVERS", {**LEVERS, "ddim": {"scheduler": "PNDMScheduler"}})
    assert bench("speed", settings=("ddim",))["speed"]["number"] == 3
    assert bench("speed", settings=("ddim",), rounds=9)["speed"]["number"] == 4


@pytest.mark.parametrize(
    ("phases", "settings", "complaint"),
    [
        (["speeds"], {}, "unknown phase 'speeds': did you mean 'speed'?"),
        (["images"], {"settings": ("dimm",)}, "unknown setting 'dimm'"),
        (["time"], {}, "add the phase 'speed'"),
        (["images"], {"table": "levers.yaml"}, "add the phase 'speed'"),
        (["speed", "time"], {"table": "levers.yaml"}, "the table compares to 'baseline'"),
    ],
)
def test_what_cannot_be_measured_gets_one_sentence(phases, settings, complaint, bench, tmp_path):
    if "table" in settings:
        settings = {"table": tmp_path / settings["table"]}
    with pytest.raises(InputError) as error:
        bench(*phases, **settings)
    assert complaint in str(error.value)
    assert bench.asked == []
