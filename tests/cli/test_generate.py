"""`zeroreal generate`: what it cannot do gets one sentence, status 2 and no traceback."""

import signal
import subprocess
import sys
import time

import pytest

SMALL = [
    *("--classes", "bag,coat", "-n", "4", "--steps", "1", "--shard-size", "4"),
    *("--device", "cpu", "--precision", "fp32", "--batch-size", "4", "--tune", "off"),
    *("--engine", "torch"),
]


@pytest.fixture(scope="module")
def made(tmp_path_factory, zeroreal):
    """The folder of a small dataset, and what the command left behind."""
    folder = tmp_path_factory.mktemp("generate") / "set"
    done = zeroreal("generate", "--out", folder, *SMALL)
    assert done.returncode == 0, done.stderr
    return folder, done


def test_a_dataset_is_made_and_said(made):
    folder, done = made
    assert f"8 of 8 images in {folder}; 2 shards made now" in done.stdout
    assert len(list(folder.glob("*.tar"))) == 2


def test_the_same_command_makes_nothing_twice(made, command):
    folder, _ = made
    done = command("generate", "--out", folder)
    assert (done.returncode, done.stderr.count("error")) == (0, 0)
    assert "8 of 8 images" in done.shown
    assert "0 shards made now" in done.shown


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--out", "{set}", "--steps", "2"], "generate.steps is 2 here and 1 there"),
        (["--out", "{set}", "--classes", "bag,hat"], "was made otherwise: classes is"),
        (["--out", "{set}", "--format", "npy"], "format is 'npy' here and 'webdataset' there"),
        (["--out", "{set}", "-n", "5"], "5 images of each class were asked for"),
        (["--out", "{set}", "--extend", "-1"], "extend is -1: at least 1 image"),
        (["--out", "{else}", *SMALL], "holds something else, 'notes.txt' for one"),
        (["--out", "{new}", "--extend", "3", *SMALL], "holds no dataset yet"),
        (["--out", "{new}", "--classes", "bag,coat,bag"], "'bag' (entry 3) is there already"),
        (["--out", "{new}", "--format", "zip"], "unknown format 'zip'"),
        (["--out", "{new}", "--shard-size", "0"], "shard size is 0: at least 1 is needed"),
        (["--out", "{new}", "--model", "no/such/folder"], "does not exist"),
        (["--out", "{new}", "--address", "here"], "is of a Ray cluster"),
        (["--out", "{new}", "--encoder", "/no/such", *SMALL], "encoder folder '/no/such' does not"),
        (["--out", "{new}", "--least-agreement", "0.3"], "name a dual encoder with --encoder"),
    ],
)
def test_bad_input_gets_one_sentence_and_status_2(made, command, tmp_path, arguments, complaint):
    (tmp_path / "else").mkdir()
    (tmp_path / "else" / "notes.txt").write_text("mine")
    places = {"set": made[0], "else": tmp_path / "else", "new": tmp_path / "new"}
    done = command("generate", *(argument.format(**places) for argument in arguments))
    assert done.returncode == 2, done.stderr
    assert complaint in done.shown
    assert "Traceback" not in done.stderr
    assert done.stderr.count("error: ") == 1
    assert not (tmp_path / "new").exists()


def test_ctrl_c_says_what_is_there_and_ends_with_130(tmp_path):
    command = [sys.executable, "-c", "from zeroreal.cli.main import main; main()", "generate"]
    many = [*SMALL, "--out", str(tmp_path / "set"), "-n", "4000"]
    process = subprocess.Popen([*command, *many], stderr=subprocess.PIPE, text=True)
    while len(list((tmp_path / "set").glob("*.tar"))) < 2:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()
    assert process.returncode == 130
    there = 4 * len(list((tmp_path / "set").glob("*.tar")))
    said = " ".join(said.split())
    assert f"interrupted with {there} of 8000 images in" in said
    assert "the same command goes on" in said
    assert "Traceback" not in said
    assert list((tmp_path / "set" / ".pending").iterdir()) == []


def test_a_dataset_that_lost_shards_meanwhile_is_no_success(command, monkeypatch, tmp_path):
    from zeroreal.generate.dataset import job

    commit = job.Worker._commit

    def commit_and_lose(worker, under_way, began):
        commit(worker, under_way, began)
        (tmp_path / "set" / f"{worker._shards.stem(worker._shards[0])}.tar").unlink(missing_ok=True)

    monkeypatch.setattr(job.Worker, "_commit", commit_and_lose)
    done = command("generate", "--out", tmp_path / "set", *SMALL)
    assert done.returncode == 1
    assert "4 of 8 images" in done.shown
    assert "the same command makes them again" in done.shown
    monkeypatch.undo()
    assert "8 of 8 images" in command("generate", "--out", tmp_path / "set", *SMALL).shown
