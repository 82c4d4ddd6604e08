"""`zeroreal bench writing`: its table, options passed on, complaints."""

import pytest

from zeroreal.benchmarks.writing import bench as writing
from zeroreal.benchmarks.writing.bench import WritingSettings

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
    monkeypatch.setattr(writing, "bench_writing", lambda one, tell: settings.append(one) or told())
    return settings


def test_the_table_shows_rates_failures_and_doubts(command, given):
    done = command("bench", "writing")
    assert done.returncode == 0, done.stderr
    assert "some-32 ours 1.235e+04 2.00 (1.50-2.50)" in done.shown
    assert "some-32, theirs failed: RuntimeError: no memory" in done.shown
    assert "not to be trusted: some-32: 2 rounds are few" in done.shown


def test_an_interruption_shows_what_there_is_and_exits_as_one(command, monkeypatch):
    monkeypatch.setattr(writing, "bench_writing", lambda settings, tell: told(interrupted=True))
    done = command("bench", "writing")
    assert done.returncode == 130
    assert "some-32" in done.stdout


def test_options_are_passed_on(command, given, tmp_path):
    path = tmp_path / "r.json"
    command("bench", "writing")
    arguments = ["npy-raw-32", "--images", 64, "--rounds", 3, "--work", tmp_path, "--result", path]
    command("bench", "writing", *arguments)
    assert given == [
        WritingSettings(),
        WritingSettings(("npy-raw-32",), 64, 3, tmp_path, path),
    ]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["writing", "folder-gif-32"], "unknown writing case 'folder-gif-32'"),
    ],
)
def test_bad_input_gets_one_sentence_and_status_2(command, arguments, complaint):
    done = command("bench", *arguments)
    assert done.returncode == 2
    assert complaint in done.shown
    assert "Traceback" not in done.stderr
