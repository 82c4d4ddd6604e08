"""A run that is killed at whatever moment and resumed ends as if it never was, to the bit.

This file is also what runs: `python test_kill.py FOLDER`.
"""

import contextlib
import csv
import importlib
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from forks import status
from safetensors.torch import load_file
from small_runs import SMALL, script_environment

from zeroreal.base.ranks import Ranks
from zeroreal.run import resume, run
from zeroreal.run.preparation import prepare
from zeroreal.train import CheckpointFolder
from zeroreal.train.loop.checkpoint import NEWEST, PREVIOUS

# In four epochs the others replace those that are held from the fourth on.
SETTINGS = replace(SMALL, train=replace(SMALL.train, epochs=4))
# Of its 15 updates, epochs 1 to 9 have 1, 1, 2, 2, 2, 2, 2, 2 and 1, with a checkpoint after each.
MOMENTS = {
    "generating the first images": ("generated", 4),
    "generating between epochs": ("generated", 16),
    "generating what replaces others": ("generated", 28),
    "after the first checkpoint": ("saved", 1),
    "after a checkpoint within an epoch": ("saved", 5),
    "half the first checkpoint written": ("written", 1),
    "half a checkpoint written": ("written", 10),
    "before a checkpoint is set aside": (PREVIOUS, 2),
    "with the last checkpoint set aside": (NEWEST, 7),
    "before the metrics are there": ("metrics.json", 1),
}
FIRST_EPOCHS = dict(zip(MOMENTS, (1, 2, 4, 1, 4, 1, 6, 2, 4, 9), strict=True))
"""The epoch of the last whole checkpoint, which ends first once the run goes on."""


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


def go_on(folder):
    """Resume, and note which epochs end."""
    epochs = []
    resume(folder, lambda state: state.stage == "train" and epochs.append(state.done))
    folder.with_suffix(".json").write_text(json.dumps(epochs))


def main(folder):
    """Run once without a stop, and once killed and resumed for each moment."""
    with contextlib.suppress(ImportError):  # an extra
        importlib.import_module("torch.utils.tensorboard")
    prepare(
        SETTINGS, lambda progress: None, Ranks(0, 1)
    )  # imports what the forks need, which takes the longest
    assert status(run, SETTINGS, folder / "whole") == 0
    for name, (kind, count) in MOMENTS.items():
        assert status(run_and_die, folder / name, kind, count) == -signal.SIGKILL, name
        assert not (folder / name / "metrics.json").exists(), name
        assert status(go_on, folder / name) == 0, name


pytestmark = pytest.mark.slow  # a series of kills


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The folder of all runs."""
    folder = tmp_path_factory.mktemp("runs")
    command = [sys.executable, __file__, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, env=script_environment())
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
    assert [row["samples"] for row in rows("whole")][:5] == ["6", "18", "36", "54", "72"]


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_run_that_was_killed_goes_on_from_its_last_whole_checkpoint(runs, moment):
    epochs = json.loads((runs / f"{moment}.json").read_text())
    assert epochs == [0, *range(FIRST_EPOCHS[moment], 10)]


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_finished_run_keeps_no_checkpoint(runs, moment):
    names = {path.name for path in (runs / moment).iterdir()}
    assert names == {path.name for path in (runs / "whole").iterdir()}
    assert not any(name.startswith(("checkpoint", "generated", ".")) for name in names)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
