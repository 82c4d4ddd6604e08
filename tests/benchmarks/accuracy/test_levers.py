"""The benchmark of levers: equal times, the table that comes of it, what is measured again."""

import pytest
import torch

from zeroreal.base import InputError
from zeroreal.benchmarks.accuracy import lever_figures, levers
from zeroreal.benchmarks.accuracy.figures import both
from zeroreal.benchmarks.accuracy.lever_figures import CURVE, equal_time_images
from zeroreal.benchmarks.accuracy.lever_settings import LEVERS
from zeroreal.benchmarks.accuracy.lever_table import lever_table
from zeroreal.benchmarks.accuracy.levers import measure_levers
from zeroreal.benchmarks.accuracy.runs import Accuracy
from zeroreal.benchmarks.accuracy.settings import LeversSettings
from zeroreal.benchmarks.harness import Progress
from zeroreal.generate import GenerateSettings
from zeroreal.run.budget.levers import LeverSetting, read_levers

SPEED = {
    "date": "2026-11-27",
    "doubts": ["2 rounds are few"],
    "refused": {"tiny-vae": "no such VAE"},
    "training": {"images_per_second": [1500.0, 1600.0, 1700.0]},  # 0.01 s an image in 16 epochs
    "generation": {
        "baseline": {
            "images_per_second": [50.0, 20.0, 60.0],
            "ratio": [1.0, 1.0, 1.0],
            "engine": "torch",
            "stage_seconds": {"text": 0.001, "denoise": 0.017, "decode": 0.002},
        },
        "guidance-0.6-6": {
            "images_per_second": [80.0],
            "ratio": [1.6],
            "engine": "torch",
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


def test_the_table_leaves_out_what_is_simulated(tmp_path):
    speed = {**SPEED, "generation": dict(SPEED["generation"])}
    speed["generation"]["fp8-simulated"] = speed["generation"]["guidance-0.6-6"]
    results = {name: {2000: held_out(s0=0.8)} for name in ("baseline", "fp8-simulated")}
    path = tmp_path / "levers.yaml"
    path.write_text(lever_table(results, speed, 2000))
    assert [setting.name for setting in read_levers(path).settings] == ["baseline"]


def test_what_is_simulated_has_no_speed_but_a_difference_of_images(measure):
    found = rows_of(measure("speed", "images", "time", settings=("baseline", "fp8-simulated")))
    assert measure.speeds == [["baseline"]]
    assert {name for name, *_ in measure.asked} == {"baseline", "fp8-simulated"}
    assert found["", "fp8-simulated"].metrics["mean_difference_of_255"].values == (2.0, 2.0)
    assert "mean_difference_of_255" not in found["", "baseline"].metrics


def test_every_lever_is_one_of_a_run():
    for change in LEVERS.values():
        GenerateSettings(**change)


@pytest.fixture
def measure(tmp_path, monkeypatch):
    """A function that runs the benchmark with fakes; `asked` are the accuracies asked for."""
    asked, speeds = [], []

    class FakeRuns:
        def __init__(self, *arguments):
            pass

        def accuracy(self, name, change, seed, images):
            if len(asked) == run.stops_after:
                raise KeyboardInterrupt
            asked.append((name, seed, images))
            return Accuracy(seed / 10, images / 10_000)

        def images(self, name, change, seed, images):
            level = seed + 2 * (name == "fp8-simulated")
            return torch.full((images, 2, 2, 3), level, dtype=torch.uint8), None

    def measure_speed(chosen, rounds, device, progress):
        speeds.append(list(chosen))
        return {**SPEED, "date": f"measurement {len(speeds)}"}

    monkeypatch.setattr(levers, "AccuracyRuns", FakeRuns)
    monkeypatch.setattr(levers, "measure_speed", measure_speed)

    def run(*phases, keep=lambda figures: None, **settings):
        settings = {"settings": ("baseline", "guidance-0.6-6"), "seeds": (3, 4), **settings}
        chosen = LeversSettings(tmp_path, phases, work=tmp_path / "work", device="cpu", **settings)
        return measure_levers(chosen, Progress(keep=keep))

    run.asked, run.speeds, run.stops_after = asked, speeds, None
    return run


def rows_of(figures):
    return {row.key: row for row in figures.rows}


@pytest.mark.parametrize("phase", ["images", "curve"])
def test_phases_without_speeds_need_none(phase, measure):
    assert measure(phase, settings=("baseline", "ddim")).finished
    expected = {
        "images": [("baseline", s, 2000) for s in (3, 4)] + [("ddim", s, 2000) for s in (3, 4)],
        "curve": [("baseline", 3, n) for n in CURVE]
        + [("baseline", 4, n) for n in CURVE if n <= 2000],
    }
    assert sorted(measure.asked) == sorted(expected[phase])
    assert measure.speeds == []


def test_a_lever_has_speed_and_accuracies_of_every_seed_in_one_row(measure):
    figures = measure("speed", "images", "time")
    rows = rows_of(figures)
    baseline, lever = rows["", "baseline"], rows["", "guidance-0.6-6"]
    assert baseline.is_baseline
    assert not lever.is_baseline
    assert lever.metrics["images_per_second"].values == (80.0,)
    assert lever.metrics["ratio"].values == (1.6,)
    assert lever.metrics["accuracy"].values == (0.3, 0.4)
    assert lever.metrics["held_out_accuracy"].values == (0.2, 0.2)  # of 2,000 images
    assert lever.metrics["held_out_accuracy_at_equal_time"].values == (0.27, 0.27)  # of 2,700
    assert lever.facts["equal_time_images"] == 2700
    assert lever.facts["change"] == {"guidance_interval": (0.6, 6.0)}
    assert rows["training", "training"].metrics["images_per_second"].median == 1600
    assert figures.reasons == ("speed: 2 rounds are few",)


def test_the_curve_is_a_case_of_its_own(measure):
    rows = rows_of(measure("curve"))
    curve = [row for (case, _), row in rows.items() if case == "baseline by images"]
    assert [row.facts["images"] for row in curve] == sorted(CURVE)
    assert curve[-1].metrics["accuracy"].values == (0.3,)  # the first seed alone
    assert curve[0].metrics["accuracy"].values == (0.3, 0.4)


def test_a_lever_that_cannot_serve_has_its_reason(measure):
    rows = rows_of(measure("speed", settings=("baseline", "tiny-vae")))
    assert rows["", "tiny-vae"].reason == "no such VAE"
    assert rows["", "tiny-vae"].metrics == {}


def test_speeds_are_kept_for_the_settings_that_they_are_of(measure, monkeypatch):
    def when(*phases, **settings):
        return measure(*phases, **settings).facts["speeds_measured"]["date"]

    assert when("speed") == "measurement 1"
    assert when("speed", "time") == "measurement 1"
    assert ("guidance-0.6-6", 3, 2700) in measure.asked
    assert when("speed", settings=("ddim",)) == "measurement 2"
    assert measure.speeds == [["baseline", "guidance-0.6-6"], ["baseline", "ddim"]]
    for module in (levers, lever_figures):
        monkeypatch.setattr(module, "LEVERS", {**LEVERS, "ddim": {"scheduler": "PNDMScheduler"}})
    assert when("speed", settings=("ddim",)) == "measurement 3"
    assert when("speed", settings=("ddim",), rounds=9) == "measurement 4"


def test_an_interruption_leaves_what_is_measured_and_no_table(measure, tmp_path):
    kept = []
    measure.stops_after = 3
    table = tmp_path / "levers.yaml"
    figures = measure("speed", "images", table=table, keep=kept.append)
    assert not figures.finished
    rows = rows_of(figures)
    assert rows["", "baseline"].metrics["accuracy"].values == (0.3, 0.4)
    assert rows["", "guidance-0.6-6"].metrics["accuracy"].values == (0.3,)
    assert [one.finished for one in kept] == [False] * 3
    assert not table.exists()
    measure.stops_after = None
    assert measure("speed", "images", table=table).finished
    assert table.exists()


def test_speed_that_is_interrupted_is_measured_again(monkeypatch, measure):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    speed = levers.measure_speed
    monkeypatch.setattr(levers, "measure_speed", interrupted)
    assert not measure("speed", "images").finished
    monkeypatch.setattr(levers, "measure_speed", speed)
    assert measure("speed", "images").finished
    assert len(measure.speeds) == 1


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
def test_what_cannot_be_measured_gets_one_sentence(phases, settings, complaint, measure, tmp_path):
    if "table" in settings:
        settings = {"table": tmp_path / settings["table"]}
    with pytest.raises(InputError) as error:
        measure(*phases, **settings)
    assert complaint in str(error.value)
    assert measure.asked == []


def test_a_table_of_choices_needs_held_out_images(tmp_path):
    wanted = LeversSettings(None, ("images",), work=tmp_path, table=tmp_path / "levers.yaml")
    with pytest.raises(InputError, match="made on held-out images: give Fashion-MNIST's files"):
        measure_levers(wanted)


def test_without_held_out_images_the_accuracy_on_test_images_is_there_alone():
    found = both({0: Accuracy(0.8, None), 1: Accuracy(0.7, None)})
    assert {name: metric.values for name, metric in found.items()} == {"accuracy": (0.8, 0.7)}
