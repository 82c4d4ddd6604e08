"""The shards of a dataset as one driver hands them out to its workers."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection

from ..commit.commit import main_suffix
from ..commit.workers import read_notes
from ..config.config import read_config
from ..store.store import Store

_MOST_TRIES = 4


class Handout:
    """What is missing, handed out one by one, and taken back from workers that fail or die.

    Raises `InputError` where no dataset is in the store.
    """

    def __init__(self, store: Store) -> None:
        config = read_config(store)
        self._store, self._plan = store, config.plan
        self._suffix = main_suffix(config.settings.format)
        self._files = list(config.plan.files(self._suffix))
        self._todo: deque[int] = deque()
        self._out: set[int] = set()
        self._tries: Counter[int] = Counter()
        self.total = config.plan.samples
        """Images of the dataset."""
        self.before = self.total - config.plan.images_in(self._missing())
        """Images that were committed at first."""

    def __len__(self) -> int:
        """How many can be handed out."""
        return len(self._todo)

    def look(self, own: Collection[str]) -> int:
        """Look for what is to be made; gives how many shards workers of others are seen to make.

        Called while no worker makes anything. `own` are the beginnings of its workers' tokens.
        """
        theirs = {
            note.shard
            for note in read_notes(self._store)
            if note.is_alive() and not note.token.startswith(tuple(own))
        }
        missing = [
            one for one in self._missing() if one not in self._out or not self._is_there(one)
        ]
        self._todo = deque(number for number in missing if number not in theirs)
        return len(missing) - len(self._todo)

    def next(self) -> int | None:
        """A shard to make; None where there is none at the moment."""
        while self._todo:
            number = self._todo.popleft()
            if not self._is_there(number):  # else another command has made it meanwhile
                self._out.add(number)
                return number
        return None

    def take_back(self, numbers: Collection[int], reason: str) -> list[int]:
        """Have others make what a worker was given and has not committed; gives what it has.

        Raises `RuntimeError` with the reason for a shard that came back too often.
        """
        lost = [one for one in self._missing() if one in numbers and not self._is_there(one)]
        self._todo.extendleft(reversed(lost))
        self._tries.update(lost)
        if lost and (most := max(self._tries[one] for one in lost)) >= _MOST_TRIES:
            number = next(one for one in lost if self._tries[one] == most)
            raise RuntimeError(f"shard {number} failed {most} times, the last time: {reason}")
        return [number for number in numbers if number not in lost]

    def images_in(self, numbers: Collection[int]) -> int:
        """How many images shards hold together."""
        return self._plan.images_in(numbers)

    def _missing(self) -> list[int]:
        return self._plan.missing(self._store.names(), self._suffix)

    def _is_there(self, number: int) -> bool:
        """Whether a shard is committed, though a list may not show it yet."""
        return self._store.exists(self._files[number])
