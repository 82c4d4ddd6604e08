"""`zeroreal probe`, and what it refuses."""

import shutil
from pathlib import Path

import pytest

FIXTURE = Path(__file__).parents[1] / "fixtures" / "run-version-1"
ON_CPU = ("--device", "cpu")


@pytest.fixture
def run(tmp_path):
    """A finished run of four garments."""
    return Path(shutil.copytree(FIXTURE / "finished", tmp_path / "run"))


def test_the_command_prints_figures_and_where_the_page_is(run, command):
    done = command("probe", run, "--images", "8", "--corruptions", "fog,jpeg", *ON_CPU)
    assert done.returncode == 0, done.stderr
    for words in ("Accuracy on 8 generated images under corruption", "fog", "as they are"):
        assert words in done.shown
    assert f"Report: {run / 'probe.html'}" in done.shown
    assert (run / "probe.json").is_file()


def test_the_command_fine_tunes_into_a_new_run(run, command, tmp_path):
    out = tmp_path / "robust"
    quick = ("--images", "8", "--epochs", "1", "--copies", "1", "--hold-out", "snow")
    done = command("probe", run, "--robustify", *quick, "--out", out, *ON_CPU)
    assert done.returncode == 0, done.stderr
    for words in ("Fine-tuned on", "held out", f"New run: {out}"):
        assert words in done.shown
    done = command("predict", out, FIXTURE / "garment.png", *ON_CPU)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["nowhere"], "has no classifier.json"),
        (["{interrupted}"], "has no classifier.json"),
        (["{run}", "--corruptions", "fogg"], "unknown corruption 'fogg'"),
        (["{run}", "--images", "0"], "images is 0"),
        (["{run}", "--data", "nowhere"], "'nowhere' does not exist"),
        (["{run}", "--data", "{broken}"], "broken"),
        (["{run}", "--epochs", "5"], "give --robustify, too"),
        (["{run}", "--robustify", "--out", "{run}"], "is not a new or empty folder"),
        (["{run}", "--robustify", "--hold-out", "rain"], "unknown corruption 'rain'"),
    ],
)
def test_bad_input_gets_one_sentence_and_status_2(run, command, tmp_path, arguments, complaint):
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"PAR1 and no more")
    places = {"run": run, "interrupted": FIXTURE / "interrupted", "broken": broken}
    done = command("probe", *(one.format(**places) for one in arguments), *ON_CPU)
    assert done.returncode == 2
    assert complaint in done.shown
    assert "Traceback" not in done.stderr
    assert not (run / "probe.json").exists()
