"""Shards committed in a remote store that fails, lags and is left half-way."""

import hashlib
import random
from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from zeroreal.generate.dataset.commit import commit as commits
from zeroreal.generate.dataset.commit.record import FileFacts, ShardRecord, WorkerFacts, read_record
from zeroreal.generate.dataset.store.places import open_store
from zeroreal.generate.dataset.store.protocols import _FACTS, ProtocolFacts
from zeroreal.generate.dataset.store.retries import Patience

STEM = "000000-000000000-000000003-0123abcd"
MAIN, TABLE, RECORD = f"{STEM}.tar", f"{STEM}.parquet", f"{STEM}.json"
FACTS = WorkerFacts("host", 1, "cpu", "torch", "fp32", 1, 1, 1, "pillow")


class Died(BaseException):
    """Stands for the end of a process: nothing in the code catches it."""


class Calls:
    """What is to happen before and after calls of a file system, and which there were."""

    def __init__(self):
        self.made = []
        self.inside = False
        self.before = lambda number, name: None
        self.after = lambda number, name: None
        self.hidden = set()


class WatchedSystem(MemoryFileSystem):
    """A file system in memory whose calls can be made to fail, and whose listings can lag."""

    protocol = "watched"
    store: dict = {}  # noqa: RUF012
    pseudo_dirs = [""]  # noqa: RUF012
    calls = Calls()

    @classmethod
    def _strip_protocol(cls, path):
        return super()._strip_protocol(path.removeprefix("watched://"))

    def ls(self, path, detail=True, **kwargs):
        found = super().ls(path, detail=True, **kwargs)
        found = [one for one in found if one["name"] not in self.calls.hidden]
        return found if detail else [one["name"] for one in found]


def _watched(name):
    def call(self, *args, **kwargs):
        calls, plain = self.calls, getattr(MemoryFileSystem, name)
        if calls.inside:  # a call that the file system itself makes
            return plain(self, *args, **kwargs)
        number = len(calls.made)
        calls.made.append(name)
        calls.before(number, name)
        calls.inside = True
        try:
            return plain(self, *args, **kwargs)
        finally:
            calls.inside = False
            calls.after(number, name)

    return call


for _name in ("cat_file", "cp_file", "info", "pipe_file", "put_file", "rm", "rm_file", "get_file"):
    setattr(WatchedSystem, _name, _watched(_name))


@pytest.fixture(autouse=True)
def _own_places(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    fsspec.register_implementation("watched", WatchedSystem, clobber=True)
    WatchedSystem.store.clear()
    WatchedSystem.pseudo_dirs[:] = [""]
    WatchedSystem.calls = Calls()


@pytest.fixture
def waited():
    return []


@pytest.fixture
def store(waited):
    return open_store("watched://bucket/set", Patience(sleep=waited.append, jitter=lambda: 1.0))


def _write_shard(store, token, content=b"pictures", seconds=1.0):
    scratch = store.scratch(token)
    (scratch / MAIN).write_bytes(content)
    (scratch / TABLE).write_bytes(b"table of " + content)
    pending = commits.PendingShard(
        token, STEM, "webdataset", {MAIN: Path(MAIN), TABLE: Path(TABLE)}
    )
    record = ShardRecord(
        stem=STEM,
        first=0,
        end=4,
        files=commits.place(store, pending),
        classes={"cat": 4},
        rejected={},
        kept={},
        worker=FACTS,
        seconds=seconds,
        finished="2026-01-01T00:00:00+00:00",
    )
    return pending, record


def _is_whole(store):
    record = read_record(store.read(RECORD), RECORD)
    return all(
        len(store.read(name)) == facts.bytes
        and FileFacts(facts.bytes, _sha256(store.read(name))) == facts
        for name, facts in record.files.items()
    )


def _sha256(content):
    return hashlib.sha256(content).hexdigest()


def test_a_shard_is_committed_and_its_temporary_folder_removed(store, tmp_path):
    assert commits.commit(store, *_write_shard(store, "one"))
    store.remove(".pending/one")
    assert sorted(store.names()) == sorted([MAIN, TABLE, RECORD])
    assert _is_whole(store)
    assert list(tmp_path.iterdir()) == []
    assert [name for name in WatchedSystem.store if ".pending" in name] == []


def test_of_two_workers_with_different_files_the_first_wins(store):
    one, two = (_write_shard(store, token, token.encode()) for token in ("one", "two"))
    assert commits.commit(store, *one)
    assert not commits.commit(store, *two)
    assert store.read(MAIN) == b"one"
    assert _is_whole(store)


def test_a_file_that_lists_late_is_not_created_again(store):
    one, two = (_write_shard(store, token, token.encode()) for token in ("one", "two"))
    WatchedSystem.calls.hidden.add(f"/bucket/set/{MAIN}")
    assert commits.commit(store, *one)
    assert MAIN not in store.names()
    assert not commits.commit(store, *two)
    assert store.read(MAIN) == b"one"


@pytest.mark.parametrize("call", ["put_file", "cp_file", "rm_file"])
def test_a_try_that_did_its_work_before_it_failed_is_no_other_workers(store, call):
    shard = _write_shard(store, "one")
    failed = []

    def after(number, name):
        if name == call and not failed:
            failed.append(name)
            raise ConnectionResetError("the answer was lost")

    WatchedSystem.calls.after = after
    assert commits.commit(store, *shard)
    assert failed == [call]
    assert _is_whole(store)


@pytest.mark.parametrize("seed", range(5))
def test_a_store_that_fails_now_and_then_gets_the_shard(store, waited, seed):
    shard, rng = _write_shard(store, "one"), random.Random(seed)

    def fail_sometimes(number, name):
        if rng.random() < 0.2:
            raise OSError("the server is busy")

    WatchedSystem.calls.before = WatchedSystem.calls.after = fail_sometimes
    assert commits.commit(store, *shard)
    WatchedSystem.calls = Calls()
    assert _is_whole(store)
    assert waited


def _calls_of_a_commit():
    system = WatchedSystem.calls
    store = open_store("watched://bucket/counted")
    shard = _write_shard(store, "counted")
    began = len(system.made)
    commits.commit(store, *shard)
    return len(system.made) - began


@pytest.fixture(params=["looks and creates", "creates at once"])
def _both_kinds(request, monkeypatch):
    if request.param == "creates at once":
        facts = ProtocolFacts(whole=True, exclusive=True, copies=True)
        monkeypatch.setitem(_FACTS, "watched", facts)


@pytest.mark.usefixtures("_both_kinds")
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_worker_may_die_at_any_call_of_a_commit(when):
    for step in range(_calls_of_a_commit()):
        WatchedSystem.calls = Calls()
        store = open_store(f"watched://bucket/{when}-{step}")
        shard = _write_shard(store, "dead")
        began = len(WatchedSystem.calls.made)

        def die(number, name, last=began + step):
            if number == last:
                raise Died

        setattr(WatchedSystem.calls, when, die)
        with pytest.raises(Died):
            commits.commit(store, *shard)
        WatchedSystem.calls = Calls()
        # Where the main file is there, it is whole.
        assert not store.exists(MAIN) or store.read(MAIN) == b"pictures"
        other = open_store(store.url)
        commits.finish_commits(other, "webdataset", ["dead"])
        other.remove(".pending/dead")
        if not other.exists(MAIN):
            assert commits.commit(other, *_write_shard(other, "other"))
            other.remove(".pending/other")
        assert sorted(other.names()) == sorted([MAIN, TABLE, RECORD]), (when, step)
        assert _is_whole(other)
        assert other.folders(".pending") == []


def test_a_worker_that_was_taken_for_dead_still_ends_with_a_record(store):
    shard = _write_shard(store, "late")
    other = open_store(store.url)

    def remove_once(number, name):
        if name == "put_file" and other.exists(f".pending/late/{TABLE}"):
            WatchedSystem.calls.after = lambda number, name: None
            other.remove(".pending/late")

    WatchedSystem.calls.after = remove_once
    assert commits.commit(store, *shard)
    assert _is_whole(store)
