"""A remote store on a real S3 server, on this machine."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from zeroreal.base import InputError
from zeroreal.generate.dataset.store.places import open_store
from zeroreal.generate.dataset.store.remote import RemoteStore
from zeroreal.generate.dataset.store.retries import Patience

pytest.importorskip("s3fs")
pytest.importorskip("moto.server")

MAIN = "000000-000000000-000000003-0123abcd.tar"
AT_ONCE = Patience(waits=())


@pytest.fixture(scope="module")
def server():
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(autouse=True)
def _s3(server, monkeypatch, tmp_path):
    import s3fs

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", server)
    s3fs.S3FileSystem.clear_instance_cache()
    system = s3fs.S3FileSystem()
    if not system.exists("bucket"):
        system.mkdir("bucket")
    yield
    if system.exists("bucket/set"):
        system.rm("bucket/set", recursive=True)


def _store() -> RemoteStore:
    return open_store("s3://bucket/set", AT_ONCE)


def _create(store, token, content=None):
    (store.scratch(token) / MAIN).write_bytes(token.encode() if content is None else content)
    return store.create(token, MAIN, MAIN)


def test_files_come_back_and_are_listed():
    store = _store()
    store.write("dataset.yaml", b"a")
    store.write(".workers/one.json", b"b")
    assert (store.names(), store.folders()) == (["dataset.yaml"], [".workers"])
    assert (store.read("dataset.yaml"), store.size(".workers/one.json")) == (b"a", 1)
    store.remove(".workers")
    assert (store.folders(), store.exists(".workers/one.json")) == ([], False)
    store.remove(".workers")


def test_what_others_write_is_seen():
    ours, theirs = _store(), _store()
    assert ours.names() == []
    theirs.write("a", b"")
    assert ours.names() == ["a"]
    theirs.remove("a")
    assert not ours.exists("a")


def test_a_file_of_eight_workers_is_created_by_one():
    barrier = threading.Barrier(8)

    def create(number):
        store = _store()
        (store.scratch(str(number)) / MAIN).write_bytes(str(number).encode())
        barrier.wait()
        return store.create(str(number), MAIN, MAIN)

    with ThreadPoolExecutor(8) as pool:
        created = list(pool.map(create, range(8)))
    assert created.count(True) == 1
    assert _store().read(MAIN) == str(created.index(True)).encode()


def test_the_server_creates_at_once():
    store = _store()
    assert _create(store, "one")
    assert store._takes_at_once
    assert store.folders() == []


def test_a_file_that_equals_ours_counts_as_ours():
    store = _store()
    assert _create(store, "one", b"same")
    assert _create(store, "two", b"same")
    assert not _create(store, "three", b"else")


def test_a_server_that_creates_what_is_there_is_found_out(monkeypatch, caplog):
    import s3fs

    plain = s3fs.S3FileSystem._call_s3

    def without_conditions(self, method, *args, **kwargs):
        kwargs.pop("IfNoneMatch", None)
        return plain(self, method, *args, **kwargs)

    monkeypatch.setattr(s3fs.S3FileSystem, "_call_s3", without_conditions)
    store = open_store("s3://bucket/set/inner", AT_ONCE)
    assert _create(store, "one")
    assert not store._takes_at_once
    assert not _create(store, "two")
    assert store.read(MAIN) == b"one"
    assert "zeroreal verify" in caplog.text


def test_an_upload_in_parts_is_created_by_one(monkeypatch):
    import s3fs.core

    monkeypatch.setattr(s3fs.core, "calculate_chunksize", lambda size, chunksize=None: 5 * 2**20)
    large = bytes(11 * 2**20)
    store = _store()
    assert _create(store, "one", large)
    assert store.size(MAIN) == len(large)
    assert not _create(store, "two", large[:-1] + b"x")
    assert store.read(MAIN)[-1:] == b"\0"


def test_an_upload_in_parts_that_ends_half_way_leaves_nothing(monkeypatch):
    import s3fs.core

    monkeypatch.setattr(s3fs.core, "calculate_chunksize", lambda size, chunksize=None: 5 * 2**20)
    plain = s3fs.S3FileSystem._call_s3

    def cut_off(self, method, *args, **kwargs):
        if kwargs.get("PartNumber") == 2:
            raise ConnectionResetError("connection reset")
        return plain(self, method, *args, **kwargs)

    store = _store()
    _create(store, "warm")  # asks whether the server creates at once
    store.remove(MAIN)
    with monkeypatch.context() as patch:
        patch.setattr(s3fs.S3FileSystem, "_call_s3", cut_off)
        with pytest.raises(InputError, match="connection reset"):
            _create(store, "one", bytes(11 * 2**20))
    assert not store.exists(MAIN)
    assert store.names() == []


def test_what_was_staged_is_published(tmp_path):
    store = _store()
    (store.scratch("one") / "a.json").write_bytes(b"record")
    store.stage("one", "a.json")
    assert store.names(".pending/one") == ["a.json"]
    _store().publish("one", "a.json")  # by another worker
    assert store.read("a.json") == b"record"
    assert store.names(".pending/one") == []


def test_a_bucket_that_is_missing_is_named():
    store = open_store("s3://no-such-bucket/set", AT_ONCE)
    with pytest.raises(InputError, match=r"'s3://no-such-bucket/set' cannot be written"):
        store.write("a", b"")


def test_missing_credentials_are_named(monkeypatch, tmp_path):
    import s3fs

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    s3fs.S3FileSystem.clear_instance_cache()
    store = open_store("s3://bucket/set", AT_ONCE)
    with pytest.raises(InputError, match="check the URL, your credentials"):
        store.write("a", b"")


def test_a_server_that_is_gone_is_named(monkeypatch):
    import s3fs

    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    s3fs.S3FileSystem.clear_instance_cache()
    store = open_store("s3://bucket/set", AT_ONCE)
    with pytest.raises(InputError, match=r"failed 1 times.*give the same command again"):
        store.write("a", b"")


def test_the_local_copy_is_whole(tmp_path):
    store = _store()
    store.write("folder/a.tar", b"content")
    copy = store.local("folder/a.tar", tmp_path)
    assert Path(copy).read_bytes() == b"content"
