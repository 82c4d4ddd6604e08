"""A store in a repository of the hub, with an interface that keeps commits as the hub does."""

import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.hf_file_system import HfFileSystemResolvedRepositoryPath

from zeroreal.base import InputError
from zeroreal.generate.dataset.store.hub import HubStore
from zeroreal.generate.dataset.store.retries import Patience

MAIN, RECORD = "000000-0-3-0123abcd.tar", "000000-0-3-0123abcd.json"


def _http_error(status):
    response = SimpleNamespace(status_code=status, headers={}, request=None)
    return HfHubHTTPError(f"status {status}", response=response)


class FakeHub:
    """Commits as the hub takes them: on top of the parent that was named, or not at all."""

    def __init__(self):
        self.states = [{}]
        self.lock = threading.Lock()
        self.lose_answers = 0
        self.before_commit = lambda: None

    def repo_info(self, repo_id, repo_type, revision):
        assert (repo_id, repo_type, revision) == ("user/name", "dataset", "main")
        return SimpleNamespace(sha=str(len(self.states) - 1))

    def file_exists(self, repo_id, filename, repo_type, revision):
        return filename in self.states[int(revision)]

    def create_commit(
        self, repo_id, operations, commit_message, repo_type, revision, parent_commit
    ):
        self.before_commit()
        added = {}
        for one in operations:
            with one.as_file() as file:
                added[one.path_in_repo] = file.read()
        with self.lock:
            if parent_commit is not None and int(parent_commit) != len(self.states) - 1:
                raise _http_error(412)
            self.states.append({**self.states[-1], **added})
        if self.lose_answers:
            self.lose_answers -= 1
            raise TimeoutError("the answer was lost")


class FakeSystem:
    """What is read from the hub."""

    protocol = "hf"

    def __init__(self, hub):
        self._api = hub

    def resolve_path(self, path):
        return HfFileSystemResolvedRepositoryPath("dataset", "user/name", "main", "set")

    def invalidate_cache(self):
        pass

    def info(self, path):
        return {"type": "file", "size": len(self._content(path))}

    def get_file(self, path, local):
        with open(local, "wb") as file:
            file.write(self._content(path))

    def ls(self, path, detail):
        raise FileNotFoundError(path)

    def rm(self, path, recursive):
        raise FileNotFoundError(path)

    def _content(self, path):
        name = path.removeprefix("datasets/user/name/")
        if name not in self._api.states[-1]:
            raise FileNotFoundError(path)
        return self._api.states[-1][name]


@pytest.fixture(autouse=True)
def _own_temporary_folder(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


@pytest.fixture
def hub():
    return FakeHub()


def _store(hub):
    patience = Patience(sleep=lambda seconds: None)
    url = "hf://datasets/user/name/set"
    return HubStore(url, FakeSystem(hub), "datasets/user/name/set", patience)


def _commit(store, token, content):
    scratch = store.scratch(token)
    (scratch / MAIN).write_bytes(content)
    (scratch / RECORD).write_bytes(b"record of " + content)
    store.stage(token, RECORD)
    created = store.create(token, MAIN, MAIN)
    if created:
        store.publish(token, RECORD)
    return created


def test_a_shard_is_one_commit(hub):
    assert _commit(_store(hub), "one", b"one")
    assert hub.states[1:] == [{f"set/{MAIN}": b"one", f"set/{RECORD}": b"record of one"}]


def test_a_shard_that_is_there_is_not_committed_again(hub):
    assert _commit(_store(hub), "one", b"one")
    assert not _commit(_store(hub), "two", b"two")
    assert hub.states[-1][f"set/{MAIN}"] == b"one"
    assert len(hub.states) == 2


def test_a_commit_that_another_overtook_is_made_anew(hub):
    overtaking = iter([{"else": b"1"}, {"else": b"2"}])
    hub.before_commit = lambda: hub.states.extend(
        {**hub.states[-1], **one} for one in [next(overtaking, None)] if one
    )
    assert _commit(_store(hub), "one", b"one")
    assert hub.states[-1] == {
        "else": b"2",
        f"set/{MAIN}": b"one",
        f"set/{RECORD}": b"record of one",
    }


def test_of_eight_workers_one_commits_the_shard(hub):
    barrier = threading.Barrier(8)

    def commit(number):
        store = _store(hub)
        barrier.wait()
        return _commit(store, str(number), str(number).encode())

    with ThreadPoolExecutor(8) as pool:
        created = list(pool.map(commit, range(8)))
    assert created.count(True) == 1
    winner = str(created.index(True)).encode()
    assert hub.states[1:] == [{f"set/{MAIN}": winner, f"set/{RECORD}": b"record of " + winner}]


def test_a_commit_whose_answer_was_lost_is_no_other_workers(hub):
    hub.lose_answers = 1
    assert _commit(_store(hub), "one", b"one")
    assert len(hub.states) == 2


def test_notes_of_workers_travel_with_the_next_shard(hub):
    store = _store(hub)
    store.write(".workers/one.json", b"old")
    store.write(".workers/one.json", b"new")
    assert len(hub.states) == 1
    assert _commit(store, "one", b"one")
    assert len(hub.states) == 2
    assert hub.states[-1]["set/.workers/one.json"] == b"new"
    store.write("README.md", b"card")
    assert hub.states[-1]["set/README.md"] == b"card"


def test_pictures_in_folders_travel_with_the_record_of_their_shard(hub):
    store = _store(hub)
    scratch = store.scratch("one")
    (scratch / "0.jpg").write_bytes(b"picture")
    (scratch / RECORD).write_bytes(b"record")
    assert store.create("one", "0.jpg", "train/cat/0.jpg")
    assert len(hub.states) == 1
    assert store.create("one", RECORD, RECORD)
    assert hub.states[1:] == [{"set/train/cat/0.jpg": b"picture", f"set/{RECORD}": b"record"}]


def test_a_worker_that_is_overtaken_for_ever_is_told(hub):
    hub.before_commit = lambda: hub.states.append(hub.states[-1])
    with pytest.raises(InputError, match="with fewer workers, or with larger shards"):
        _commit(_store(hub), "one", b"one")


def test_a_refusal_is_told(hub):
    def refuse():
        raise _http_error(403)

    hub.before_commit = refuse
    with pytest.raises(InputError, match=r"status 403: check the URL, your credentials"):
        _commit(_store(hub), "one", b"one")
