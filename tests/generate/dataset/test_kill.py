"""A dataset whose workers are killed at whatever moment ends as if they never were, to the byte.

This file is also what runs: `python test_kill.py FOLDER first|rest|random|pairs`.
"""

import logging
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from functools import partial
from pathlib import Path

import pytest
from forks import started, status

from zeroreal.data.formats import SHARD_FORMATS
from zeroreal.generate import GenerateSettings
from zeroreal.generate.dataset import opening
from zeroreal.generate.dataset.checking.verify import verify_dataset
from zeroreal.generate.dataset.config.settings import DatasetSettings
from zeroreal.generate.dataset.making import generate_dataset
from zeroreal.generate.dataset.store.store import PENDING, LocalStore
from zeroreal.generate.dataset.writing.background import Background

IMAGES, SHARDS = 16, 4
# What the process is about to do when it dies, or has just done (`linked`, `added`), and how often.
MOMENTS = {
    "before it is begun": ("link dataset.yaml", 1),
    "as it is begun": ("linked dataset.yaml", 1),
    "in the first batch": ("added", 1),
    "within a shard": ("added", 4),
    "before a shard is on the disk": ("synced", 2),
    "with a record half written": ("fsync .json", 3),
    "before a shard is committed": ("link .main", 3),
    "right after a shard was committed": ("linked .main", 3),
    "before what lies beside it is there": ("replace .parquet", 2),
    "before its record is there": ("replace .json", 2),
    "before the pending folder is gone": ("remove .pending", 3),
    "among the pictures": ("link .jpg", 6),
    "after a picture": ("linked .jpg", 11),
    "before the last record": ("link .main", SHARDS),
    "before the index": ("replace _info.json", 1),
    "before the card": ("replace README.md", 1),
}
_OF_FORMAT = {
    "before what lies beside it is there": ("webdataset", "npy"),
    "before its record is there": ("webdataset", "npy", "parquet"),
    "among the pictures": ("folder",),
    "after a picture": ("folder",),
}
CASES = [
    (shard_format, moment)
    for shard_format in SHARD_FORMATS
    for moment in MOMENTS
    if shard_format in _OF_FORMAT.get(moment, SHARD_FORMATS)
]
FIRST = [
    (shard_format, moment)
    for shard_format, moment in CASES
    if shard_format == "webdataset" or "right after" in moment or "picture" in moment
]
REST = [case for case in CASES if case not in FIRST]
_MAIN = {"webdataset": ".tar", "parquet": ".parquet", "npy": ".npy", "folder": ".json"}
_STEM = re.compile(r"\d{6}-\d{9}-")  # of the files of a shard
_RECORD = re.compile(r"/\.\d{6}-[^/]*\.json\.[^/]*\.tmp$")
KILLS = 20


def settings_of(shard_format):
    return DatasetSettings(
        classes=("bag", "coat", "dress", "sneaker"),
        images_per_class=IMAGES // 4,
        format=shard_format,
        shard_size=IMAGES // SHARDS,
        device="cpu",
        generate=GenerateSettings(
            steps=1, engine="torch", precision="fp32", tune="off", batch_size=2
        ),
    )


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def die_at(moment, count, shard_format):
    """Have this process killed at a moment."""
    seen = Counter()

    def pass_by(verb, path=""):
        path = Path(path)
        names = {path.name}
        if _STEM.match(path.name):
            names |= {path.suffix, ".main" if path.suffix == _MAIN[shard_format] else ""}
        if path.suffix == ".jpg":
            names.add(path.suffix)
        if path.parent.name == PENDING:
            names.add(PENDING)
        if moment == verb or moment in {f"{verb} {name}" for name in names}:
            seen[moment] += 1
            if seen[moment] == count:
                die()

    link, replace, fsync, submit = os.link, os.replace, os.fsync, Background.submit
    remove = LocalStore.remove

    def die_or_link(source, target):
        pass_by("link", target)
        link(source, target)
        pass_by("linked", target)

    def die_or_replace(source, target):
        pass_by("replace", target)
        replace(source, target)

    def die_or_fsync(number):
        name = os.readlink(f"/proc/self/fd/{number}")
        if _RECORD.search(name):
            pass_by("fsync .json")
        fsync(number)

    def die_or_submit(background, call, *arguments):
        submit(background, call, *arguments)
        pass_by("added")

    def die_or_remove(store, name):
        pass_by("remove", name)
        remove(store, name)

    from zeroreal.data import shard_files, shard_folder

    sync_all = shard_files.sync_all

    def die_or_sync(folder, inside):
        pass_by("synced")
        sync_all(folder, inside)

    shard_files.sync_all = shard_folder.sync_all = die_or_sync
    os.link, os.replace, os.fsync = die_or_link, die_or_replace, die_or_fsync
    Path.replace = lambda path, target: die_or_replace(path, target) or Path(target)
    Background.submit, LocalStore.remove = die_or_submit, die_or_remove


def make(folder, shard_format):
    generate_dataset(settings_of(shard_format), folder)


def make_and_die(folder, shard_format, moment, count):
    die_at(moment, count, shard_format)
    make(folder, shard_format)


def warm_up(folder):
    """Import and load what the forks need, which takes the longest."""
    logging.disable()
    real = opening.make_generator
    generator = real(settings_of("webdataset"), True, {}, None, lambda progress: None)
    opening.make_generator = lambda *_: generator
    for shard_format in SHARD_FORMATS:
        make(folder / shard_format, shard_format)


def die_at_moments(folder, cases):
    """For each format once without a stop, and once killed and gone on with for each moment."""
    for shard_format in SHARD_FORMATS:
        assert status(make, folder / shard_format / "whole", shard_format) == 0
    for shard_format, name in cases:
        killed = folder / shard_format / name
        assert status(make_and_die, killed, shard_format, *MOMENTS[name]) == -signal.SIGKILL, name
        assert status(make, killed, shard_format) == 0, (shard_format, name)


def die_at_random(folder):
    """Each format killed at random, again and again, till so many kills met a process at work."""
    chance = random.Random(0)
    for shard_format in SHARD_FORMATS:
        began = time.monotonic()
        assert status(make, folder / shard_format / "whole", shard_format) == 0
        usual = time.monotonic() - began
        kills = number = 0
        while kills < KILLS // len(SHARD_FORMATS) or not number:
            killed = folder / shard_format / str(number)
            number += 1
            while True:
                process = started(make, killed, shard_format)
                process.join(chance.uniform(0, usual))
                process.kill()
                process.join()
                if process.exitcode == 0:
                    break
                kills += 1
        (folder / shard_format / "kills").write_text(str(kills))


def die_in_pairs(folder):
    """Two processes make one dataset; one of them is killed again and again, then both are."""
    chance = random.Random(1)
    shard_format = "webdataset"
    began = time.monotonic()
    assert status(make, folder / "whole", shard_format) == 0
    usual = time.monotonic() - began
    for number in range(4):
        other = started(make, folder / str(number), shard_format)
        for _ in range(3):
            process = started(make, folder / str(number), shard_format)
            process.join(chance.uniform(0, usual))
            process.kill()
            process.join()
        if number % 2:
            other.kill()
            other.join()
            assert status(make, folder / str(number), shard_format) == 0
        other.join()
        assert other.exitcode == 0 or (number % 2 and other.exitcode == -signal.SIGKILL)


def runs_of(kind, tmp_path_factory):
    folder = tmp_path_factory.mktemp(kind)
    path = str(Path(__file__).parents[2] / "helpers")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": path}
    command = [sys.executable, __file__, str(folder), kind]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return folder


def check(folder, whole, content):
    """A dataset is sound, holds what the uninterrupted one does, and nothing is left beside it."""
    assert verify_dataset(LocalStore(folder)).faults == ()
    ours, theirs = content(folder), content(whole)
    assert ours.keys() == theirs.keys()
    assert [name for name in theirs if ours[name] != theirs[name]] == []
    left = [path for path in folder.rglob("*") if path.name.startswith(".") and path.is_file()]
    assert left == []
    assert list((folder / PENDING).iterdir()) == []


pytestmark = pytest.mark.slow  # a series of kills


@pytest.fixture(scope="module")
def first_moments(tmp_path_factory):
    """The folder of datasets that were killed at exact moments."""
    return runs_of("first", tmp_path_factory)


@pytest.fixture(scope="module")
def other_moments(tmp_path_factory):
    """The same for the moments of other formats."""
    return runs_of("rest", tmp_path_factory)


@pytest.mark.parametrize(("shard_format", "moment"), FIRST)
def test_a_dataset_killed_and_gone_on_with_is_the_same_to_the_byte(
    first_moments, content, shard_format, moment
):
    check(first_moments / shard_format / moment, first_moments / shard_format / "whole", content)


@pytest.mark.parametrize(("shard_format", "moment"), REST)
def test_so_is_one_of_another_format(other_moments, content, shard_format, moment):
    check(other_moments / shard_format / moment, other_moments / shard_format / "whole", content)


def test_a_dataset_killed_at_random_again_and_again_is_the_same_to_the_byte(
    tmp_path_factory, content
):
    folder = runs_of("random", tmp_path_factory)
    kills = 0
    for shard_format in SHARD_FORMATS:
        kills += int((folder / shard_format / "kills").read_text())
        for killed in sorted((folder / shard_format).glob("[0-9]*")):
            check(killed, folder / shard_format / "whole", content)
    assert kills >= KILLS


def test_two_processes_in_one_folder_of_which_one_is_killed_make_it_whole(
    tmp_path_factory, content
):
    folder = runs_of("pairs", tmp_path_factory)
    for number in range(4):
        check(folder / str(number), folder / "whole", content)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as unused:
        warm_up(Path(unused))
    work = {
        "first": partial(die_at_moments, cases=FIRST),
        "rest": partial(die_at_moments, cases=REST),
        "random": die_at_random,
        "pairs": die_in_pairs,
    }
    work[sys.argv[2]](Path(sys.argv[1]))
