"""`zeroreal bench loader` and `training`: tables, options passed on, complaints."""

import pytest

from zeroreal.benchmarks.loading import loader
from zeroreal.benchmarks.loading.loader import LoaderSettings
from zeroreal.benchmarks.training import bench as training
from zeroreal.benchmarks.training.bench import TrainingSettings

SPREAD = {"median": 2.0, "quartile_1": 1.5, "quartile_3": 2.5, "variation": 0.1}


def told(interrupted=False):
    """A result of one case, of which one contender failed."""
    ours = {
        "name": "ours",
        "reason": None,
        "spread": SPREAD,
        "images_per_second": 12345.6,
        "ratio": SPREAD,
    }
    failed = {"name": "theirs", "reason": "RuntimeError: no memory", "seconds": []}
    case = {"case": "some-32", "contenders": [failed, ours], "doubts": ["2 rounds are few"]}
    return {"cases": [case], "interrupted": interrupted}


@pytest.fixture
def given(monkeypatch):
    """The settings that the measurements were given."""
    settings = []
    monkeypatch.setattr(loader, "bench_loader", lambda one, tell: settings.append(one) or told())
    monkeypatch.setattr(
        training, "bench_training", lambda one, tell: settings.append(one) or told()
    )
    return settings


@pytest.mark.parametrize("what", ["loader", "training"])
def test_the_table_shows_rates_failures_and_doubts(command, given, what):
    done = command("bench", what)
    assert done.returncode == 0, done.stderr
    assert "some-32 ours 1.235e+04 2.00 (1.50-2.50)" in done.shown
    assert "some-32, theirs failed: RuntimeError: no memory" in done.shown
    assert "not to be trusted: some-32: 2 rounds are few" in done.shown


def test_an_interruption_shows_what_there_is_and_exits_as_one(command, monkeypatch):
    monkeypatch.setattr(loader, "bench_loader", lambda settings, tell: told(interrupted=True))
    done = command("bench", "loader")
    assert done.returncode == 130
    assert "some-32" in done.stdout


def test_options_are_passed_on(command, given, tmp_path):
    path = tmp_path / "r.json"
    shared = ["--batch-size", 8, "--rounds", 3, "--device", "cpu", "--result", path]
    command("bench", "loader")
    command("bench", "loader", "crop-32", "--images", 64, *shared)
    command("bench", "training")
    arguments = ["cached-32", "--batches", 2, "--precision", "bf16", "--compile"]
    command("bench", "training", *arguments, *shared)
    assert given == [
        LoaderSettings(),
        LoaderSettings(("crop-32",), 64, 8, "cpu", 3, path),
        TrainingSettings(),
        TrainingSettings(("cached-32",), 8, 2, "bf16", True, "cpu", 3, path),
    ]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["loader", "crop-33"], "unknown loader case 'crop-33': did you mean 'crop-32'?"),
        (["training", "timm-65"], "unknown training case 'timm-65': did you mean 'timm-64'?"),
    ],
)
def test_bad_input_gets_one_sentence_and_status_2(command, arguments, complaint):
    done = command("bench", *arguments)
    assert done.returncode == 2
    assert complaint in done.shown
    assert "Traceback" not in done.stderr
