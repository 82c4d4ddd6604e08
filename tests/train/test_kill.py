"""A run that is killed at whatever moment and resumed ends as if it never was, to the bit.

This file is also what runs: `python test_kill.py FOLDER`.
"""

import csv
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import torch
import torch.utils.tensorboard
from safetensors.torch import load_file

from zeroreal.train import CheckpointFolder, RunSettings, TrainSettings, resume, run
from zeroreal.train.checkpoint import NEWEST, PREVIOUS
from zeroreal.train.run_job import Job

SETTINGS = RunSettings(
    classes=("bag", "coat", "dress", "sneaker"),  # not those of the test set, which takes seconds
    images_per_class=8,
    steps=2,
    engine="torch",
    precision="fp32",
    device="cpu",
    tune="off",
    batch_size=6,
    blocks=3,
    checkpoint_seconds=0,
    train=TrainSettings(epochs=4, batch_size=20),
)
MOMENTS = {
    "generating the first images": ("generated", 6),
    "generating beside trained ones": ("generated", 17),
    "after the first checkpoint": ("saved", 1),
    "after the fifth checkpoint": ("saved", 5),
    "half a first checkpoint written": ("written", 1),
    "half a checkpoint written": ("written", 3),
    "before a checkpoint is set aside": (PREVIOUS, 2),
    "before the first checkpoint has its name": (NEWEST, 1),
    "with one checkpoint set aside": (NEWEST, 4),
    "before the classifier is there": ("classifier.safetensors", 1),
    "before the metrics are there": ("metrics.json", 1),
}


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def die_at(kind, count):
    """Have this process killed at a moment; returns what is told of progress."""
    seen = Counter()
    save, replace, flush = CheckpointFolder.save, os.replace, os.fsync

    def passed(name):
        seen[name] += 1
        return (name, seen[name]) == (kind, count)

    def save_and_die(folder, state):
        save(folder, state)
        if passed("saved"):
            die()

    def die_or_replace(source, target):
        if passed(Path(target).name):
            die()
        replace(source, target)

    def die_or_flush(number):
        name = os.readlink(f"/proc/self/fd/{number}")
        if NEWEST in name and passed("written"):
            os.ftruncate(number, os.fstat(number).st_size // 2)
            die()
        flush(number)

    def die_generating(state):
        if kind == "generated" and state.stage == "generate" and state.done >= count:
            die()

    CheckpointFolder.save, os.replace, os.fsync = save_and_die, die_or_replace, die_or_flush
    return die_generating


def run_and_die(folder, kind, count):
    run(SETTINGS, folder, die_at(kind, count))


def status(work, *arguments):
    """The exit status of `work` in a process of its own, which is -9 where it was killed."""
    process = torch.multiprocessing.get_context("fork").Process(target=work, args=arguments)
    process.start()
    process.join()
    return process.exitcode


def main(folder):
    """Run once without a stop, and once killed and resumed for each moment."""
    Job(SETTINGS, lambda progress: None)  # imports what the forks need, which takes the longest
    assert status(run, SETTINGS, folder / "whole") == 0
    for name, (kind, count) in MOMENTS.items():
        assert status(run_and_die, folder / name, kind, count) == -signal.SIGKILL, name
        assert not (folder / name / "metrics.json").exists(), name
        assert status(resume, folder / name) == 0, name


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The folder of all runs."""
    folder = tmp_path_factory.mktemp("runs")
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, __file__, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=600)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_run_killed_and_resumed_ends_with_the_same_weights(runs, moment):
    ours, whole = (load_file(runs / name / "classifier.safetensors") for name in (moment, "whole"))
    assert list(ours) == list(whole)
    assert [name for name in whole if not torch.equal(ours[name], whole[name])] == []


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_run_killed_and_resumed_logs_the_same_rows(runs, moment):
    def rows(name):
        with (runs / name / "scalars.csv").open() as file:
            return [{**row, "images_per_second": None} for row in csv.DictReader(file)]

    assert rows(moment) == rows("whole")
    assert [row["replay_ratio"] for row in rows("whole")][-1] == "4.0"


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_finished_run_keeps_no_checkpoint(runs, moment):
    assert not list((runs / moment).glob("checkpoint*"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
