"""A thousand workers on one dataset, without pixels: the real planner and commit protocol."""

import random
from collections import Counter
from dataclasses import replace

import pytest

from zeroreal.generate.dataset.commit import workers
from zeroreal.generate.dataset.commit.dead import clear_dead
from zeroreal.generate.dataset.commit.missing import Place, missing_shards
from zeroreal.generate.dataset.commit.shards import ShardPlan
from zeroreal.generate.dataset.commit.workers import (
    new_note,
    read_notes,
    write_note,
)
from zeroreal.generate.dataset.store.store import LocalStore

PLAN = ShardPlan((4000,), 2, "0123456789abcdef" * 4)
WORKERS = 1000
FAILURES = 0.05


class Died(BaseException):
    """A worker died."""


class Waits(BaseException):
    """A worker has nothing to make at this moment."""


class FailingStore(LocalStore):
    """Lists late, and its worker dies at the `dies_in`-th step from now."""

    def __init__(self, root, chance):
        super().__init__(root)
        self.chance, self.recent, self.dies_in = chance, [], None

    def names(self, folder=""):
        late = set(self.recent[-50:]) if not folder else set()
        return [name for name in super().names(folder) if name not in late]

    def create(self, token, source, name):
        self.step()
        created = super().create(token, source, name)
        if created:
            self.recent.append(name)
        return created

    def publish(self, token, name):
        self.step()
        super().publish(token, name)

    def step(self):
        if self.dies_in == 0:
            self.dies_in = None
            raise Died
        if self.dies_in is not None:
            self.dies_in -= 1


def stop_waiting(shards):
    raise Waits


def begin(store, rank, chance):
    """A worker's note and the shards that it makes."""
    note = replace(new_note("cpu"), token=f"w{rank}-{chance.random()}", host="elsewhere")
    note = write_note(store, note)
    place = Place(rank, WORKERS) if rank is not None else Place()
    return note, missing_shards(store, PLAN, ".tar", note.token, place, stop_waiting)


@pytest.mark.slow
def test_a_thousand_workers_make_every_shard_exactly_once(tmp_path, shard_files, monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr(workers.time, "time", lambda: clock[0])
    chance = random.Random(0)
    store = FailingStore(tmp_path, chance)
    working = [begin(store, rank, chance) for rank in range(WORKERS)]
    committed, deaths, made = Counter(), 0, 0
    while working:
        clock[0] += 1
        still = []
        for note, numbers in chance.sample(working, len(working)):
            try:
                number = next(numbers)
            except (StopIteration, Waits):
                write_note(store, replace(note, ended=True))
                continue
            write_note(store, replace(note, shard=number))
            made += 1
            if chance.random() < FAILURES:
                store.dies_in = chance.randrange(3)
            try:
                if shard_files.commit(store, PLAN, PLAN[number], note.token, note.token.encode()):
                    committed[number] += 1
            except Died:
                deaths += 1
                continue
            store.dies_in = None
            still.append((note, numbers))
        working = still
    assert deaths > 0.03 * len(PLAN)

    clock[0] += 3600  # whoever died is silent for long; one more worker ends it
    store.recent.clear()
    clear_dead(store, "webdataset")
    note, numbers = begin(store, None, chance)
    for number in numbers:
        made += 1
        if shard_files.commit(store, PLAN, PLAN[number], note.token):
            committed[number] += 1

    names = LocalStore(tmp_path).names()
    for suffix in (".tar", ".parquet", ".json"):
        assert sorted(n for n in names if n.endswith(suffix)) == list(PLAN.files(suffix))
    assert max(committed.values()) == 1
    whose = {name: store.read(name)[len(name) :] for name in names if not name.endswith(".json")}
    for stem in map(PLAN.stem, PLAN):
        assert whose[f"{stem}.tar"] == whose[f"{stem}.parquet"]  # of one worker, not of two
    assert made < 1.2 * len(PLAN)
    assert [one.token for one in read_notes(store)] == [note.token]


@pytest.mark.parametrize("done", [0, 500_000, 1_000_000])
def test_a_million_shards_are_planned(done):
    plan = ShardPlan((10**10,), 10_000, "0" * 64)
    names = list(plan.files(".tar"))
    assert len(names) == len(set(names)) == 1_000_000
    assert plan.missing(names[:done], ".tar") == list(range(done, 1_000_000))
