"""A remote store: fsspec's in-process file system, and ones that fail."""

import hashlib
import itertools
import logging
import random
import secrets
from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from zeroreal.base import InputError
from zeroreal.generate.dataset import commit as commits
from zeroreal.generate.dataset.places import open_store
from zeroreal.generate.dataset.record import FileFacts, ShardRecord, WorkerFacts, read_record
from zeroreal.generate.dataset.remote import RemoteStore
from zeroreal.generate.dataset.retries import WAITS, Patience

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


class SlowUpload(LocalFileSystem):
    """A file system as that of sftp is: a file is seen while it is written."""

    protocol = "slowupload"
    fail_half_way = False

    @classmethod
    def _strip_protocol(cls, path):
        return super()._strip_protocol(path.replace("slowupload://", "file://"))

    def put_file(self, lpath, rpath, **kwargs):
        content = Path(lpath).read_bytes()
        Path(rpath).write_bytes(content[: len(content) // 2])
        if type(self).fail_half_way:
            raise Died
        Path(rpath).write_bytes(content)


@pytest.fixture(autouse=True)
def _own_places(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    fsspec.register_implementation("watched", WatchedSystem, clobber=True)
    fsspec.register_implementation("slowupload", SlowUpload, clobber=True)
    WatchedSystem.store.clear()
    WatchedSystem.pseudo_dirs[:] = [""]
    WatchedSystem.calls = Calls()
    monkeypatch.setattr(SlowUpload, "fail_half_way", False)


@pytest.fixture
def waited():
    return []


@pytest.fixture
def store(waited):
    return open_store("watched://bucket/set", Patience(sleep=waited.append, jitter=lambda: 1.0))


def _memory() -> RemoteStore:
    return open_store(f"memory://{secrets.token_hex(4)}/set")


def _fail(times, error):
    """Have calls fail that often with an error."""
    left = itertools.count()

    def before(number, name):
        if next(left) < times:
            raise error

    return before


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


def test_files_are_listed_by_folder():
    store = _memory()
    store.write("dataset.yaml", b"a")
    store.write(".workers/one.json", b"b")
    assert store.names() == ["dataset.yaml"]
    assert store.folders() == [".workers"]
    assert store.names(".workers") == ["one.json"]
    assert store.names("nowhere") == []
    assert store.read(".workers/one.json") == b"b"
    assert (store.exists("dataset.yaml"), store.exists(".workers")) == (True, False)


def test_what_is_not_there_is_said_as_by_a_local_store():
    store = _memory()
    with pytest.raises(FileNotFoundError):
        store.read("nothing")
    with pytest.raises(FileNotFoundError):
        store.size("nothing")
    store.remove("nothing")


def test_a_local_copy_has_the_content_and_the_suffix(tmp_path):
    store = _memory()
    store.write("folder/a.tar", b"content")
    copy = store.local("folder/a.tar", tmp_path)
    assert (copy.read_bytes(), copy.suffix, copy.parent) == (b"content", ".tar", tmp_path)


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


def test_errors_that_pass_are_waited_out(store, waited, caplog):
    WatchedSystem.calls.before = _fail(3, ConnectionResetError("connection reset"))
    with caplog.at_level(logging.WARNING):
        store.write("a", b"content")
    assert store.read("a") == b"content"
    assert waited == [2.0, 4.0, 8.0]
    assert len(caplog.records) == 3
    assert "connection reset" in caplog.text
    assert "trying again in 2.0 s" in caplog.text


def test_a_store_that_fails_for_good_ends_in_a_sentence(store, waited):
    WatchedSystem.calls.before = _fail(10**6, TimeoutError("timed out"))
    with pytest.raises(InputError) as error:
        store.write("a", b"content")
    assert "'watched://bucket/set': writing 'a' failed 8 times" in str(error.value)
    assert "timed out" in str(error.value)
    assert "give the same command again" in str(error.value)
    assert waited == list(WAITS)


@pytest.mark.parametrize("error", [PermissionError("access denied"), ValueError("no credentials")])
def test_errors_that_stay_are_told_at_once(store, waited, error):
    WatchedSystem.calls.before = _fail(1, error)
    with pytest.raises(InputError, match=f"{error}: check the URL, your credentials"):
        store.write("a", b"content")
    assert waited == []


def test_mistakes_in_the_code_are_not_called_the_stores(store):
    WatchedSystem.calls.before = _fail(1, TypeError("unexpected argument"))
    with pytest.raises(TypeError):
        store.write("a", b"content")


def test_a_bucket_that_is_missing_is_named(store):
    WatchedSystem.calls.before = _fail(1, FileNotFoundError("NoSuchBucket"))
    with pytest.raises(InputError, match="its bucket or repository is not there"):
        store.write("a", b"content")


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


def test_an_upload_that_was_cut_off_is_never_seen_under_its_name(tmp_path, monkeypatch):
    store = open_store(f"slowupload://{tmp_path}/set")
    shard = _write_shard(store, "dead")
    monkeypatch.setattr(SlowUpload, "fail_half_way", True)
    with pytest.raises(Died):
        store.create("dead", MAIN, MAIN)
    assert store.names() == []
    assert not store.exists(f".pending/dead/{MAIN}")
    monkeypatch.setattr(SlowUpload, "fail_half_way", False)
    assert commits.commit(store, *shard)
    assert _is_whole(store)


def test_that_a_place_cannot_create_at_once_is_said_once(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        for name in ("a", "b"):
            store = open_store(f"slowupload://{tmp_path}/set")
            (store.scratch(name) / "file").write_bytes(b"")
            assert store.create(name, "file", name)
    said = [one.getMessage() for one in caplog.records if "only where there is none" in one.msg]
    assert len(said) == 1
    assert "zeroreal verify" in said[0]


def test_a_file_is_replaced_by_writing_and_publishing(tmp_path):
    store = open_store(f"slowupload://{tmp_path}/set")
    store.write("a.json", b"old")
    store.write("a.json", b"new")
    assert store.read("a.json") == b"new"
    (store.scratch("one") / "a.json").write_bytes(b"newest")
    store.stage("one", "a.json")
    store.publish("one", "a.json")
    assert store.read("a.json") == b"newest"
    assert store.names() == ["a.json"]
