"""`zeroreal calibrate`, and what predict and evaluate show of it."""

import csv
import json
import shutil
from pathlib import Path

import pytest

FIXTURE = Path(__file__).parents[1] / "fixtures" / "run-version-1"
GARMENT = FIXTURE / "garment.png"
ON_CPU = ("--device", "cpu")


@pytest.fixture
def run(tmp_path):
    """A finished run of four garments."""
    return Path(shutil.copytree(FIXTURE / "finished", tmp_path / "run"))


def test_the_commands_calibrate_and_use_it(run, command, tmp_path):
    done = command("calibrate", run, "--images", "3", "--others", "3", "--keep", "1", *ON_CPU)
    assert done.returncode == 0, done.stderr
    for words in (
        "generated images",
        "coloured patterns",
        "Temperature ",
        "Calibrated on synthetic images only; the embedded model draws nothing but its garments",
        "calibration.json",
    ):
        assert words in done.shown
    path = run / "calibration.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "reject_threshold": 1e9}))

    done = command("predict", run, GARMENT, *ON_CPU)
    assert done.stdout.startswith(f"{GARMENT}\tsneaker\t")
    assert done.stdout.endswith(" %\trejected\n")
    command("predict", run, GARMENT, "--out", tmp_path / "out.csv", *ON_CPU)
    with (tmp_path / "out.csv").open(newline="") as file:
        assert [row["rejected"] for row in csv.DictReader(file)] == ["True"]

    (tmp_path / "photographs" / "sneaker").mkdir(parents=True)
    shutil.copy(GARMENT, tmp_path / "photographs" / "sneaker")
    done = command("evaluate", run, "--data", tmp_path / "photographs", *ON_CPU)
    assert "Probabilities before and after calibration" in done.shown
    assert "0.0 % -" in done.shown  # kept, and the accuracy of these


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["nowhere"], "holds no run"),
        (["{interrupted}"], "is not finished: continue it with zeroreal run --resume"),
        (["{run}", "--keep", "0"], "keep is 0.0: give the share"),
        (["{run}", "--keep", "2"], "keep is 2.0"),
        (["{run}", "--keep", "nan"], "keep is nan"),
        (["{run}", "--images", "0"], "images is 0: at least 3 are needed"),
        (["{run}", "--others", "2"], "others is 2: at least 3 are needed"),
        (["{run}", "--data", "nowhere"], "'nowhere' does not exist"),
        (["{run}", "--outside", "nowhere"], "'nowhere' does not exist"),
        (["{run}", "--things", "sofa,tree"], "the embedded model draws nothing but its garments"),
    ],
)
def test_bad_input_gets_one_sentence_and_status_2(run, command, arguments, complaint):
    places = {"run": run, "interrupted": FIXTURE / "interrupted"}
    done = command("calibrate", *(one.format(**places) for one in arguments), *ON_CPU)
    assert done.returncode == 2
    assert complaint in done.shown
    assert "Traceback" not in done.stderr
    assert not (run / "calibration.json").exists()
