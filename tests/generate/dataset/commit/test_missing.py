"""Which shard a worker makes next."""

import os
import socket
import time
from dataclasses import replace

import pytest

from zeroreal.generate.dataset.commit import missing as module
from zeroreal.generate.dataset.commit.missing import Place, missing_shards
from zeroreal.generate.dataset.commit.shards import ShardPlan
from zeroreal.generate.dataset.commit.workers import new_note, write_note
from zeroreal.generate.dataset.store.store import LocalStore

ALONE = Place()
PLAN = ShardPlan((20,), 2, "0123456789abcdef" * 4)


def made(store, shard_files, place=ALONE, token="me"):
    """The shards that one worker makes till none is missing, in order."""
    numbers = []
    for number in missing_shards(store, PLAN, ".tar", token, place, seconds=0.01):
        numbers.append(number)
        shard_files.commit(store, PLAN, PLAN[number], token)
    return numbers


def test_one_worker_makes_all_in_order(tmp_path, shard_files):
    assert made(LocalStore(tmp_path), shard_files) == list(range(10))


def test_what_is_committed_is_not_made_again(tmp_path, shard_files):
    store = LocalStore(tmp_path)
    for number in (0, 4, 9):
        shard_files.commit(store, PLAN, PLAN[number])
    assert made(store, shard_files) == [1, 2, 3, 5, 6, 7, 8]


def test_a_worker_with_a_place_begins_with_its_share(tmp_path, shard_files):
    place = Place(1, 3)
    assert made(LocalStore(tmp_path), shard_files, place) == [1, 4, 7, 0, 2, 3, 5, 6, 8, 9]


def test_what_another_commits_meanwhile_is_left_out(tmp_path, shard_files):
    store = LocalStore(tmp_path)
    numbers = []
    for number in missing_shards(store, PLAN, ".tar", "me", Place()):
        numbers.append(number)
        for one in (number, number + 1):
            shard_files.commit(store, PLAN, PLAN[one], f"other{one}")
    assert numbers == [0, 2, 4, 6, 8]


def test_what_another_works_on_comes_last_and_is_waited_for(tmp_path, shard_files):
    store = LocalStore(tmp_path)
    write_note(store, replace(new_note("cpu"), token="other", shard=3))
    waits, numbers = [], []

    def wait(shards):
        waits.append(shards)
        if len(waits) == 2:
            shard_files.commit(store, PLAN, PLAN[3], "other")

    for number in missing_shards(store, PLAN, ".tar", "me", Place(), wait, seconds=0):
        numbers.append(number)
        shard_files.commit(store, PLAN, PLAN[number], "me")
    assert numbers == [0, 1, 2, 4, 5, 6, 7, 8, 9]
    assert waits == [1, 1]


def test_the_shard_of_a_worker_that_dies_is_taken_over(tmp_path, shard_files):
    store = LocalStore(tmp_path)
    note = replace(new_note("cpu"), token="other", shard=3)
    write_note(store, note)

    def die(shards):
        write_note(store, replace(note, ended=True))

    numbers = []
    for number in missing_shards(store, PLAN, ".tar", "me", Place(), die, seconds=0):
        numbers.append(number)
        shard_files.commit(store, PLAN, PLAN[number], "me")
    assert numbers == [0, 1, 2, 4, 5, 6, 7, 8, 9, 3]


def test_a_list_that_lags_makes_nobody_make_a_shard_twice_or_wait_for_ever(tmp_path, shard_files):
    class Lagging(LocalStore):
        def names(self, folder=""):
            return [] if not folder and self.lags else super().names(folder)

    store = Lagging(tmp_path)
    store.lags = True
    shard_files.commit(store, PLAN, PLAN[5])
    assert made(store, shard_files) == [0, 1, 2, 3, 4, 6, 7, 8, 9]


def test_many_workers_without_a_place_begin_apart(tmp_path, shard_files):
    store = LocalStore(tmp_path)
    for number in range(module._FEW + 1):
        write_note(store, replace(new_note("cpu"), token=f"other{number}", shard=number))
    first = {
        next(missing_shards(store, ShardPlan((2000,), 2, "0" * 64), ".tar", f"me{n}", Place()))
        for n in range(20)
    }
    assert len(first) > 15


@pytest.mark.parametrize(
    ("changes", "is_alive"),
    [
        ({}, True),
        ({"ended": True}, False),
        ({"pid": 2**22 + 1}, False),  # above Linux's largest
        ({"host": "elsewhere", "pid": 2**22 + 1}, True),
        ({"host": "elsewhere", "beat": time.time() - 600}, False),
    ],
)
def test_who_is_alive(changes, is_alive):
    note = replace(new_note("cpu"), **changes)
    assert note.is_alive() == is_alive


def test_a_note_says_who_and_where():
    note = new_note("cuda:1")
    assert (note.host, note.pid, note.device) == (socket.gethostname(), os.getpid(), "cuda:1")
    assert new_note("cpu").token != note.token
