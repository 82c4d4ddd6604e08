"""What dead workers left: finished where they had committed it, removed where not."""

from __future__ import annotations

from collections.abc import Sequence

from ..store.store import PENDING, Store
from .commit import finish_commits
from .workers import WORKERS, dead_folders, read_notes


def clear_dead(
    store: Store, shard_format: str, known: Sequence[str] = (), forget_ended: bool = True
) -> None:
    """Finish the commits of workers that do not work any more, and remove their files and notes.

    Args:
        store: where the dataset lies.
        shard_format: the dataset's.
        known: beginnings of the tokens of workers that are known to be dead, from wherever.
        forget_ended: whether to remove the notes of workers that came to their end, too.
    """
    folders = set(dead_folders(store))
    folders |= {name for name in store.folders(PENDING) if name.startswith(tuple(known))}
    finish_commits(store, shard_format, sorted(folders))
    for folder in folders:
        store.remove(f"{PENDING}/{folder}")
    notes = read_notes(store)
    for note in notes:
        if not note.is_alive() and (forget_ended or not note.ended):
            store.remove(f"{WORKERS}/{note.token}.json")
    if not any(note.is_alive() for note in notes):
        _remove_half_written(store)


def _remove_half_written(store: Store) -> None:
    """Remove what was being written under temporary names when its process was killed."""
    for folder in ("", WORKERS):
        for name in store.names(folder):
            if name.startswith(".") and name.endswith(".tmp"):
                store.remove(f"{folder}/{name}".lstrip("/"))
