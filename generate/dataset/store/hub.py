"""A store in a repository of the Hugging Face hub, in which each change is a commit."""

from __future__ import annotations

import random
import time
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ....base.errors import InputError
from ..commit.workers import WORKERS
from .remote import RemoteStore
from .retries import Patience, http_status

_MOST_OVERTAKEN = 200
_OVERTAKEN_SECONDS = (0.5, 3.0)


class HubStore(RemoteStore):
    """A repository, such as `hf://datasets/user/name`.

    The hub takes few commits in an hour, so that a shard is one: its main file and what lies beside
    it, pictures of the format `folder` included. The commit names the one before it: where another
    worker's came in between it is refused, and made anew unless that one brought the shard. What
    tells of the progress only, notes of workers and the contact sheet, travels with the next shard.
    """

    def __init__(
        self, url: str, system: Any, root: str, patience: Patience | None = None, api: Any = None
    ) -> None:
        super().__init__(url, system, root, patience)
        self._pause = patience.sleep if patience else time.sleep
        self._api = api if api is not None else system._api
        self._place: Any = None
        self._beside: dict[str, dict[str, Path]] = defaultdict(dict)  # by token, by name
        self._sent: set[tuple[str, str]] = set()  # token and name
        self._later: dict[str, bytes] = {}

    def write(self, name: str, content: bytes) -> None:
        """See `Store`; what tells of the progress only is kept for the next shard's commit."""
        if name.startswith(f"{WORKERS}/") or name == "preview.html":
            self._later[name] = content
            return
        self._files.written(name, lambda: self._commit({name: content}, f"Write {name}"))

    def stage(self, token: str, name: str) -> None:
        """See `Store`: it is sent with the shard."""
        self._beside[token][name] = self.scratch(token) / name

    def create(self, token: str, source: str, name: str) -> bool:
        """See `Store`; a picture in a folder is sent with its shard."""
        written = self.scratch(token) / source
        if not written.exists():
            raise FileNotFoundError(str(written))
        if "/" in name:
            self._beside[token][name] = written
            return True
        created = self._create_alone(token, written, name) or self._is_ours(written, name)
        beside = self._beside.pop(token, {})
        if created:
            self._sent |= {(token, one) for one in beside}
            written.unlink()
        return created

    def publish(self, token: str, name: str) -> None:
        """See `Store`: it was sent with the shard."""
        if (token, name) not in self._sent:
            raise FileNotFoundError(f"{token}/{name}")

    def remove(self, name: str) -> None:
        """See `Store`."""
        token = name.rpartition("/")[2]
        self._beside.pop(token, None)
        self._sent = {one for one in self._sent if one[0] != token}
        if self._later.pop(name, None) is None or self.exists(name):
            super().remove(name)

    def _create_alone(self, token: str, written: Path, name: str) -> bool:
        """Commit a shard on top of a state that lacks it; False where it is there."""
        later = dict(self._later)
        files: dict[str, Path | bytes] = {**later, **self._beside[token], name: written}
        for _ in range(_MOST_OVERTAKEN):
            try:
                created = self._files.written(name, lambda: self._commit_unless_there(files, name))
            except _OvertakenError:
                self._pause(random.uniform(*_OVERTAKEN_SECONDS))
                continue
            if created:
                self._later = {n: c for n, c in dict(self._later).items() if later.get(n) is not c}
            return created
        raise InputError(
            f"{self.url!r}: other workers' commits came before that of {name!r} {_MOST_OVERTAKEN} "
            "times: give the same command again with fewer workers, or with larger shards"
        )

    def _commit_unless_there(self, files: Mapping[str, Path | bytes], name: str) -> bool:
        """Commit files unless the one of that name is there: then False."""
        place = self._repository()
        before = str(self._api.repo_info(**place).sha)
        there = self._api.file_exists(
            filename=self._in_repository(name), **{**place, "revision": before}
        )
        if there:
            return False
        self._commit(files, f"Add {name}", before)
        return True

    def _commit(
        self, files: Mapping[str, Path | bytes], message: str, before: str | None = None
    ) -> None:
        from huggingface_hub import CommitOperationAdd

        additions = [
            CommitOperationAdd(
                self._in_repository(name), content if isinstance(content, bytes) else str(content)
            )
            for name, content in files.items()
        ]
        try:
            self._api.create_commit(
                operations=additions,
                commit_message=message,
                parent_commit=before,
                **self._repository(),
            )
        except Exception as error:
            if before is not None and http_status(error) == 412:
                raise _OvertakenError from error
            raise

    def _repository(self) -> dict[str, Any]:
        if self._place is None:
            self._place = self._files.system.resolve_path(self._files.root)
        place = self._place
        return {
            "repo_id": place.repo_id,
            "repo_type": place.repo_type,
            "revision": place.revision,
        }

    def _in_repository(self, name: str) -> str:
        self._repository()
        folder = self._place.path_in_repo.strip("/")
        return f"{folder}/{name}" if folder else name


class _OvertakenError(FileExistsError):
    """Another commit came first."""
