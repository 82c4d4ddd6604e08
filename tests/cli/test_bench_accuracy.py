"""`zeroreal bench` of accuracies and datasets: options, tables of 80 columns, complaints."""

import shlex
from pathlib import Path

import pytest

from zeroreal.benchmarks import bench as front
from zeroreal.benchmarks.accuracy.settings import LeversSettings, RecipesSettings, TricksSettings
from zeroreal.benchmarks.clusters.settings import WorkersSettings
from zeroreal.benchmarks.dataset.settings import DatasetBenchSettings
from zeroreal.benchmarks.writing.settings import PlanBenchSettings, WritingSettings
from zeroreal.report.results.metric import Metric
from zeroreal.report.results.result import BenchmarkResult, Figures, Row

GIVEN = [
    ("recipes", RecipesSettings()),
    (
        "recipes --recipes base,mine.yaml --seeds 3,5 --images-per-class 20 --classifier "
        "resnet18 --epochs 2 --device cpu --real idx --work w",
        RecipesSettings(
            ("base", "mine.yaml"), (3, 5), 20, "resnet18", 2, "cpu", Path("idx"), Path("w")
        ),
    ),
    ("levers --real idx", LeversSettings(Path("idx"))),
    (
        "levers --real idx --phases images,curve --settings baseline,ddim --seeds 7 "
        "--rounds 2 --device cpu --work w --table t.yaml",
        LeversSettings(
            Path("idx"),
            ("images", "curve"),
            ("baseline", "ddim"),
            (7,),
            2,
            "cpu",
            Path("w"),
            Path("t.yaml"),
        ),
    ),
    ("tricks --real idx", TricksSettings(Path("idx"))),
    (
        "tricks --real idx --tricks 'none,jpeg 50' --seeds 1 --device cpu --images i --work w",
        TricksSettings(
            Path("idx"),
            ("none", "jpeg 50"),
            (1,),
            "cpu",
            Path("i"),
            Path("w"),
        ),
    ),
    ("writing", WritingSettings()),
    (
        "writing npy-raw-32 --images 64 --rounds 3 --work w",
        WritingSettings(("npy-raw-32",), 64, 3, Path("w")),
    ),
    ("plan --shards 40 --rounds 2", PlanBenchSettings(40, 2)),
    (
        "workers --workers 1 --images 400 --shard-size 20 --steps 1 --rounds 2 --work w",
        WorkersSettings(1, 400, 20, 1, 2, Path("w")),
    ),
    ("dataset", DatasetBenchSettings()),
    (
        "dataset npy folder-png --images-per-class 2 --shard-size 4 --device cuda --engine "
        "torch --precision fp32 --batch-size 4 --steps 1 --rounds 2 --work w",
        DatasetBenchSettings(
            ("npy", "folder-png"), 2, 4, "cuda", "torch", "fp32", 4, 1, 2, Path("w")
        ),
    ),
]
"""Words of commands, and the settings that they give."""


@pytest.fixture
def given(monkeypatch):
    """What the front door is asked for; it gives the figures that `given.figures` is set to."""
    asked = []

    def bench(name, settings, **options):
        asked.append((name, settings, options["path"]))
        return BenchmarkResult(name, "", "", {}, {}, figures.pop())

    figures = [Figures(())] * 9
    monkeypatch.setattr(front, "bench", bench)
    return asked, figures


@pytest.mark.parametrize(("words", "settings"), GIVEN)
def test_options_are_passed_on(command, given, words, settings):
    asked, _ = given
    name, *options = shlex.split(words)
    done = command("bench", name, *options, "--result", "r.json")
    assert done.returncode == 0, done.stderr
    assert asked == [(name, settings, Path("r.json"))]


def metrics(**values):
    return {name: Metric(tuple(each), "s") for name, each in values.items()}


@pytest.mark.parametrize(
    ("words", "row", "shown"),
    [
        ("recipes", Row("base", metrics=metrics(accuracy=(0.8, 0.9))), "base 85.0 ± 7.1"),
        ("recipes", Row("base", metrics=metrics(accuracy=(0.8,))), "base 80.0 VALID"),
        (
            "tricks --real x",
            Row("blur 1", metrics=metrics(accuracy=(0.5, 0.5))),
            "blur 1 50.0 ± 0.0",
        ),
        (
            "levers --real x",
            Row(
                "8-steps-deep-cache-2",
                metrics=metrics(
                    images_per_second=(1234.5,),
                    ratio=(10.25,),
                    accuracy=(0.8, 0.9),
                    accuracy_at_equal_time=(0.8, 0.9),
                ),
                facts={"equal_time_images": 12345},
            ),
            "8-steps-deep-cache-2 1,234 10.25 85.0 ± 7.1 85.0 ± 7.1 12,345",
        ),
        (
            "dataset",
            Row(
                "webdataset-jpg",
                metrics=metrics(
                    images_per_second=(12345.0,),
                    cost=(-0.0123, 0.1233),
                    waited_seconds=(12.345,),
                    writer_cpu_seconds_per_image=(0.01234,),
                ),
            ),
            "webdataset-jpg 12,340 5.55 (2.16-8.94) 12.35 12.340",
        ),
        ("plan", Row("planning", metrics=metrics(seconds=(0.5, 0.7))), "planning 0.60 (0.55-0.65)"),
    ],
)
def test_a_row_fits_80_columns(command, given, words, row, shown):
    _, figures = given
    figures.append(Figures((row,)))
    done = command("bench", *words.split())
    assert shown in done.shown
    assert max(map(len, done.stdout.splitlines())) <= 80


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["recipes", "--seeds", "0 1"], "'0 1' is not a seed: give numbers such as 0,1,2"),
        (["levers", "--real", "x", "--phases", "speeds"], "unknown phase 'speeds'"),
        (["tricks", "--real", "x", "--tricks", "jpg 50"], "did you mean 'jpeg 50'"),
        (["tricks"], "Missing option '--real'"),
        (["writing", "folder-gif-32"], "unknown writing case 'folder-gif-32'"),
        (["dataset", "--device", "tpu"], "unknown device 'tpu'"),
    ],
)
def test_bad_input_gets_one_sentence_and_status_2(command, words, complaint):
    done = command("bench", *words)
    assert done.returncode == 2
    assert complaint in done.shown
    assert "Traceback" not in done.stderr


def test_what_is_not_finished_exits_as_interrupted(command, given):
    _, figures = given
    figures.append(Figures((Row("base", metrics=metrics(accuracy=(0.8,))),), finished=False))
    done = command("bench", "recipes")
    assert done.returncode == 130
    assert "base 80.0" in done.shown
