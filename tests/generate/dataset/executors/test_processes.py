"""A dataset made by several processes of this machine."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from zeroreal.base import InputError
from zeroreal.generate.dataset.checking.verify import verify_dataset
from zeroreal.generate.dataset.commit.workers import read_notes
from zeroreal.generate.dataset.making import generate_dataset
from zeroreal.generate.dataset.store.places import open_store

pytestmark = pytest.mark.slow
TWO = ("cpu", "cpu")


@pytest.fixture(autouse=True)
def _a_core_each(monkeypatch):
    """Two processes share what this one has: a thread each, whatever the machine has."""
    import torch

    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)


def test_two_processes_make_what_one_makes(making, one_thread, tmp_path):
    generate_dataset(making.settings(), tmp_path / "one")
    result = generate_dataset(making.settings(devices=TWO), tmp_path / "two")
    assert (result.images, result.total, result.made) == (40, 40, 4)
    assert making.shards(tmp_path / "two") == making.shards(tmp_path / "one")
    assert verify_dataset(open_store(tmp_path / "two")).is_sound


def test_two_processes_make_again_what_one_does(making, one_thread, tmp_path):
    settings = replace(
        making.settings(),
        encoder="embedded",
        least_agreement=0.9,
        near_duplicates=8,
        most_attempts=3,
    )
    alone = generate_dataset(settings, tmp_path / "one")
    together = generate_dataset(replace(settings, devices=TWO), tmp_path / "two")
    assert "disagreement" in alone.rejected
    assert together.rejected == alone.rejected
    assert making.shards(tmp_path / "two") == making.shards(tmp_path / "one")


def test_what_a_killed_process_had_is_made_by_the_other(making, caplog, tmp_path):
    # Enough for the second process to take part: it starts when the first one is at work.
    settings = making.settings(200, shard_size=20, steps=4, devices=TWO)
    killer = making.killer(tmp_path, workers=2)
    result = generate_dataset(settings, tmp_path, on_progress=killer)
    assert len(killer.killed) == 1
    assert result.images == 2000
    assert "died (status -9): the others make its shard" in caplog.text
    assert verify_dataset(open_store(tmp_path)).is_sound


def test_bad_input_is_one_sentence_and_not_one_for_each_process(making, tmp_path):
    generate_dataset(making.settings(images_per_class=1), tmp_path)
    with pytest.raises(InputError, match="seed is 7 here and 0 there"):
        generate_dataset(making.settings(images_per_class=1, seed=7, devices=TWO), tmp_path)


def test_ctrl_c_commits_what_is_made_and_ends_with_130(tmp_path):
    options = "--images-per-class 200 --shard-size 20 --steps 4 --engine torch --tune off"
    main = "from zeroreal.cli.main import main; main()"
    command = [sys.executable, "-c", main, "generate", "--out", str(tmp_path)]
    process = subprocess.Popen(
        [*command, *options.split(), "--devices", "cpu,cpu"],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "2"},
    )
    while process.poll() is None and not list(tmp_path.glob("*.tar")):
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate()
    assert process.returncode == 130, errors
    assert "of 2000 images" in errors
    assert "the same command goes on" in errors
    found = verify_dataset(open_store(tmp_path))
    assert {fault.kind for fault in found.faults} == {"missing"}
    assert found.images > 0
    assert all(note.ended for note in read_notes(open_store(tmp_path)))
    assert not list((tmp_path / ".pending").glob("*"))
