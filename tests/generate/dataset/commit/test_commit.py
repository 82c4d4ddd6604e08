"""The commit of a shard: one worker's files, whole, whatever dies when."""

import threading

import pytest

from zeroreal.generate.dataset.commit.commit import commit, finish_commits
from zeroreal.generate.dataset.commit.record import read_record
from zeroreal.generate.dataset.commit.shards import ShardPlan
from zeroreal.generate.dataset.store.store import PENDING, LocalStore

PLAN = ShardPlan((8,), 4, "0123456789abcdef" * 4)
STEM = PLAN.stem(PLAN[0])
NAMES = {f"{STEM}{suffix}" for suffix in (".tar", ".parquet", ".json")}


class Died(BaseException):
    """A worker died."""


class DyingStore(LocalStore):
    """A store whose worker dies before its `moment`-th step of putting files in place."""

    def __init__(self, root, moment):
        super().__init__(root)
        self.moment = moment

    def step(self):
        if self.moment == 0:
            raise Died
        self.moment -= 1

    def create(self, token, source, name):
        self.step()
        return super().create(token, source, name)

    def publish(self, token, name):
        self.step()
        super().publish(token, name)


def names(store):
    return set(store.names())


def test_a_committed_shard_has_all_its_files_and_nothing_is_pending(tmp_path, shard_files):
    store = LocalStore(tmp_path)
    assert shard_files.commit(store, PLAN, PLAN[0])
    assert names(store) == NAMES
    assert store.read(f"{STEM}.tar") == f"{STEM}.tar".encode()
    (folder,) = store.folders(PENDING)
    assert store.names(f"{PENDING}/{folder}") == []


def test_the_record_has_the_digests_of_the_files(tmp_path, shard_files):
    import hashlib

    store = LocalStore(tmp_path)
    shard_files.commit(store, PLAN, PLAN[0])
    record = read_record(store.read(f"{STEM}.json"), "record")
    for name, facts in record.files.items():
        content = (tmp_path / name).read_bytes()
        assert facts.bytes == len(content)
        assert facts.sha256 == hashlib.sha256(content).hexdigest()


def test_a_shard_that_is_there_stays_as_it_is(tmp_path, shard_files):
    store = LocalStore(tmp_path)
    shard_files.commit(store, PLAN, PLAN[0], "first")
    before = {name: store.read(name) for name in NAMES}
    assert not shard_files.commit(store, PLAN, PLAN[0], "second", b"other")
    assert {name: store.read(name) for name in NAMES} == before


def test_of_many_workers_at_once_one_commits(tmp_path, shard_files):
    store = LocalStore(tmp_path)
    won, barrier = [], threading.Barrier(8)

    def work(number):
        pending = shard_files.pending(store, PLAN, PLAN[0], f"w{number}", b"%d" % number)
        record = shard_files.record(store, pending, PLAN[0])
        barrier.wait()
        if commit(store, pending, record):
            won.append(b"%d" % number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (winner,) = won
    for suffix in (".tar", ".parquet"):
        assert store.read(f"{STEM}{suffix}") == f"{STEM}{suffix}".encode() + winner


@pytest.mark.parametrize("moment", range(4))
def test_a_worker_that_dies_at_any_step_leaves_a_shard_or_none(tmp_path, shard_files, moment):
    """Before the first step nothing is there; after it, others finish."""
    dying = DyingStore(tmp_path, moment)
    if moment < 3:
        with pytest.raises(Died):
            shard_files.commit(dying, PLAN, PLAN[0], "dead", b"1")
    else:
        assert shard_files.commit(dying, PLAN, PLAN[0], "dead", b"1")
    store = LocalStore(tmp_path)
    is_committed = f"{STEM}.tar" in names(store)
    assert is_committed == (moment > 0)
    finished = finish_commits(store, "webdataset", store.folders(PENDING))
    assert finished == ([STEM] if moment in (1, 2) else [])
    assert shard_files.commit(store, PLAN, PLAN[0], "second", b"2") == (not is_committed)
    whose = b"1" if is_committed else b"2"
    assert names(store) == NAMES
    for suffix in (".tar", ".parquet"):
        assert store.read(f"{STEM}{suffix}") == f"{STEM}{suffix}".encode() + whose


def test_what_a_loser_left_is_not_taken_for_the_winners(tmp_path, shard_files):
    store = LocalStore(tmp_path)
    with pytest.raises(Died):
        shard_files.commit(DyingStore(tmp_path, 1), PLAN, PLAN[0], "winner", b"1")
    loser = shard_files.pending(store, PLAN, PLAN[0], "loser", b"2")
    record = shard_files.record(store, loser, PLAN[0])
    assert not commit(store, loser, record)
    assert finish_commits(store, "webdataset", ["loser.000000"]) == []
    assert finish_commits(store, "webdataset", ["winner.000000"]) == [STEM]
    assert store.read(f"{STEM}.parquet").endswith(b"1")


def test_a_worker_whose_files_were_removed_commits_nothing(tmp_path, shard_files):
    store = LocalStore(tmp_path)
    pending = shard_files.pending(store, PLAN, PLAN[0])
    record = shard_files.record(store, pending, PLAN[0])
    store.remove(f"{PENDING}/{pending.token}")
    with pytest.raises(FileNotFoundError):
        commit(store, pending, record)
    assert names(store) == set()


def test_a_commit_that_another_finishes_at_the_same_time_is_one(tmp_path, shard_files):
    store = LocalStore(tmp_path)

    class Helped(LocalStore):
        def publish(self, token, name):
            finish_commits(store, "webdataset", [token])
            super().publish(token, name)

    assert shard_files.commit(Helped(tmp_path), PLAN, PLAN[0])
    assert names(store) == NAMES


def test_where_there_are_no_hard_links_files_are_renamed(tmp_path, shard_files, monkeypatch):
    def refuse(source, target):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("os.link", refuse)
    store = LocalStore(tmp_path)
    assert shard_files.commit(store, PLAN, PLAN[0], "first", b"1")
    assert not shard_files.commit(store, PLAN, PLAN[0], "second", b"2")
    assert names(store) == NAMES
    assert store.read(f"{STEM}.tar").endswith(b"1")
