"""Files of a remote store, and what is said of one that fails."""

import itertools
import logging
from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from zeroreal.base import InputError
from zeroreal.generate.dataset.store.places import open_store
from zeroreal.generate.dataset.store.retries import WAITS, Patience

MAIN = "000000-000000000-000000003-0123abcd.tar"


class Died(BaseException):
    """Stands for the end of a process: nothing in the code catches it."""


class SlowUpload(LocalFileSystem):
    """A file system as that of sftp is: a file is seen while it is written."""

    protocol = "slowupload"
    fail_half_way = False

    @classmethod
    def _strip_protocol(cls, path):
        return super()._strip_protocol(path.removeprefix("slowupload://"))

    def put_file(self, lpath, rpath, **kwargs):
        content = Path(lpath).read_bytes()
        Path(rpath).write_bytes(content[: len(content) // 2])
        if type(self).fail_half_way:
            raise Died
        Path(rpath).write_bytes(content)


@pytest.fixture(autouse=True)
def _own_places(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(MemoryFileSystem, "store", {})
    monkeypatch.setattr(MemoryFileSystem, "pseudo_dirs", [""])
    monkeypatch.setattr(SlowUpload, "fail_half_way", False)
    fsspec.register_implementation("slowupload", SlowUpload, clobber=True)


@pytest.fixture
def waited():
    return []


@pytest.fixture
def store(waited):
    return open_store("memory://bucket/set", Patience(sleep=waited.append, jitter=lambda: 1.0))


def _fail(monkeypatch, times, error):
    """Have writing fail that often with an error."""
    left, plain = itertools.count(), MemoryFileSystem.pipe_file

    def pipe_file(self, path, value, **kwargs):
        if next(left) < times:
            raise error
        plain(self, path, value, **kwargs)

    monkeypatch.setattr(MemoryFileSystem, "pipe_file", pipe_file)


def test_files_are_listed_by_folder(store):
    store.write("dataset.yaml", b"a")
    store.write(".workers/one.json", b"b")
    assert store.names() == ["dataset.yaml"]
    assert store.folders() == [".workers"]
    assert store.names(".workers") == ["one.json"]
    assert store.names("nowhere") == []
    assert store.read(".workers/one.json") == b"b"
    assert (store.exists("dataset.yaml"), store.exists(".workers")) == (True, False)


def test_what_is_not_there_is_said_as_by_a_local_store(store):
    with pytest.raises(FileNotFoundError):
        store.read("nothing")
    with pytest.raises(FileNotFoundError):
        store.size("nothing")
    store.remove("nothing")


def test_a_local_copy_has_the_content_and_the_suffix(store, tmp_path):
    store.write("folder/a.tar", b"content")
    copy = store.local("folder/a.tar", tmp_path)
    assert (copy.read_bytes(), copy.suffix, copy.parent) == (b"content", ".tar", tmp_path)


def test_errors_that_pass_are_waited_out(store, monkeypatch, waited, caplog):
    _fail(monkeypatch, 3, ConnectionResetError("connection reset"))
    with caplog.at_level(logging.WARNING):
        store.write("a", b"content")
    assert store.read("a") == b"content"
    assert waited == [2.0, 4.0, 8.0]
    assert len(caplog.records) == 3
    assert "connection reset" in caplog.text
    assert "trying again in 2.0 s" in caplog.text


def test_a_store_that_fails_for_good_ends_in_a_sentence(store, monkeypatch, waited):
    _fail(monkeypatch, 10**6, TimeoutError("timed out"))
    with pytest.raises(InputError) as error:
        store.write("a", b"content")
    assert "'memory://bucket/set': writing 'a' failed 8 times" in str(error.value)
    assert "timed out" in str(error.value)
    assert "give the same command again" in str(error.value)
    assert waited == list(WAITS)


@pytest.mark.parametrize("error", [PermissionError("access denied"), ValueError("no credentials")])
def test_errors_that_stay_are_told_at_once(store, monkeypatch, waited, error):
    _fail(monkeypatch, 1, error)
    with pytest.raises(InputError, match=f"{error}: check the URL, your credentials"):
        store.write("a", b"content")
    assert waited == []


def test_mistakes_in_the_code_are_not_called_the_stores(store, monkeypatch):
    _fail(monkeypatch, 1, TypeError("unexpected argument"))
    with pytest.raises(TypeError):
        store.write("a", b"content")


def test_a_bucket_that_is_missing_is_named(store, monkeypatch):
    _fail(monkeypatch, 1, FileNotFoundError("NoSuchBucket"))
    with pytest.raises(InputError, match="its bucket or repository is not there"):
        store.write("a", b"content")


def test_an_upload_that_was_cut_off_is_never_seen_under_its_name(tmp_path, monkeypatch):
    store = open_store(f"slowupload://{tmp_path}/set")
    (store.scratch("dead") / MAIN).write_bytes(b"pictures")
    monkeypatch.setattr(SlowUpload, "fail_half_way", True)
    with pytest.raises(Died):
        store.create("dead", MAIN, MAIN)
    assert store.names() == []
    assert not store.exists(f".pending/dead/{MAIN}")
    monkeypatch.setattr(SlowUpload, "fail_half_way", False)
    assert store.create("dead", MAIN, MAIN)
    assert store.read(MAIN) == b"pictures"


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
