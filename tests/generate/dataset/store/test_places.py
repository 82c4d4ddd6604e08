"""Which store a path or URL gives, and what is said of those that cannot be used."""

import os
import subprocess
import sys
from pathlib import Path

import fsspec
import pytest

from zeroreal.base import InputError
from zeroreal.generate.dataset.store.hub import HubStore
from zeroreal.generate.dataset.store.places import open_store
from zeroreal.generate.dataset.store.remote import RemoteStore
from zeroreal.generate.dataset.store.retries import Patience
from zeroreal.generate.dataset.store.store import LocalStore


@pytest.mark.parametrize("url", ["sets/one", Path("sets/one")])
def test_a_path_is_a_folder(url):
    store = open_store(url)
    assert isinstance(store, LocalStore)
    assert store.root == Path("sets/one")


def test_a_file_url_is_a_folder(tmp_path):
    store = open_store(f"file://{tmp_path}/one")
    assert isinstance(store, LocalStore)
    assert store.root == tmp_path / "one"


def test_another_scheme_is_a_remote_store():
    store = open_store("memory://sets/one")
    assert isinstance(store, RemoteStore)
    assert store.url == "memory://sets/one"


def test_a_repository_of_the_hub_is_one_of_commits_and_a_bucket_is_not():
    assert isinstance(open_store("hf://datasets/user/name/folder"), HubStore)
    assert not isinstance(open_store("hf://buckets/user/name/folder"), HubStore)


def test_an_unknown_scheme_is_named_with_the_nearest():
    with pytest.raises(InputError, match=r"'memry://a/b'.*did you mean 'memory'\?"):
        open_store("memry://a/b")


def test_a_library_that_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    with pytest.raises(InputError, match=r"'gs://a/b' needs.*`pip install gcsfs`"):
        open_store("gs://a/b")


def test_a_package_is_named_as_it_is_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "smbclient", None)
    monkeypatch.delitem(sys.modules, "fsspec.implementations.smb", raising=False)
    with pytest.raises(InputError, match="`pip install smbprotocol`"):
        open_store("smb://host/share/folder")


@pytest.mark.parametrize("url", ["memory://", "memory:///"])
def test_a_url_of_no_folder_is_refused(url):
    with pytest.raises(InputError, match="names no folder"):
        open_store(url)


def test_a_chain_is_refused():
    with pytest.raises(InputError, match="chain of file systems"):
        open_store("simplecache::memory://a/b")


def test_a_server_that_cannot_be_reached_is_named():
    class Unreachable(fsspec.AbstractFileSystem):
        protocol = "unreachable"

        def __init__(self, *args, **kwargs):
            raise ConnectionRefusedError("connection refused")

    fsspec.register_implementation("unreachable", Unreachable, clobber=True)
    with pytest.raises(InputError, match=r"'unreachable://host/a': opening it.*refused"):
        open_store("unreachable://host/a", Patience(waits=()))


def test_a_temporary_folder_of_a_killed_process_is_removed(tmp_path):
    code = (
        "import os\n"
        "from zeroreal.generate.dataset.store.places import open_store\n"
        "folder = open_store('memory://sets/one').scratch('dead')\n"
        "(folder / 'shard.tar').write_bytes(b'half')\n"
        "os.kill(os.getpid(), 9)\n"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=False)
    assert [len(list(path.iterdir())) for path in tmp_path.iterdir() if path.is_dir()] == [1]
    after = "from zeroreal.generate.dataset.store.places import open_store\nimport sys\n" + (
        "sys.stdout.write(str(open_store('memory://sets/one').scratch('living')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", after], env=environment, check=True, capture_output=True, text=True
    )
    assert [path for path in tmp_path.iterdir() if path.is_dir()] == [Path(done.stdout)]


def test_a_temporary_folder_of_a_living_worker_stays(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    living, other = open_store("memory://sets/one"), open_store("memory://sets/one")
    folder = living.scratch("living")
    other.scratch("other")
    other.remove(".pending/living")
    assert folder.is_dir()
    living.remove(".pending/living")
    assert not folder.exists()


def test_a_full_temporary_disk_is_named(tmp_path, monkeypatch):
    def full(self, *args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    store = open_store("memory://sets/one")
    store.write("a", b"content")
    monkeypatch.setattr(Path, "mkdir", full)
    with pytest.raises(InputError, match="is full: free space there, or set TMPDIR"):
        store.scratch("one")


def test_a_path_means_what_it_will_once_its_folders_are_made(tmp_path):
    """`absent/../there` is `there`, which is not to be taken for a new folder."""
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "file").touch()
    assert open_store(f"{tmp_path}/absent/../there").names() == ["file"]


def test_a_place_without_a_name_is_refused():
    with pytest.raises(InputError, match="place is empty"):
        open_store(" ")
