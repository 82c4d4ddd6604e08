"""Files of what the prompts of a recipe call each class, in another language."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...base.errors import InputError
from ...base.reading import is_file
from .class_file import read_class_file
from .classes import ClassName, parse_classes

_SHOWN = 5


@dataclass(frozen=True)
class NamesFile:
    """What prompts call each class, by its name."""

    path: str
    words: Mapping[str, str]

    @property
    def digest(self) -> str:
        """SHA-256 of all that decides images, whatever the format: in hex."""
        return hashlib.sha256(json.dumps(sorted(self.words.items())).encode()).hexdigest()

    def renamed(self, classes: Sequence[ClassName]) -> tuple[ClassName, ...]:
        """The classes as these prompts call them.

        Raises `InputError` for classes that the file lacks, and for names of no class.
        """
        where, known = f"names file {self.path!r}", [item.name for item in classes]
        if missing := [name for name in known if name not in self.words]:
            raise InputError(f"{where} lacks {_listed(missing)}: add what prompts call them")
        if others := [*self.words.keys() - set(known)]:
            raise InputError(
                f"{where} has {_listed(sorted(others))}, which are not among the classes: "
                "correct or remove them"
            )
        return tuple(ClassName(item.name, self.words[item.name]) for item in classes)


def read_names_file(path: Path) -> NamesFile:
    """Read a class file (`read_class_file`) in which every class has a prompt.

    Raises `InputError` for a file that cannot be read, and for a class without one.
    """
    where = f"names file {str(path)!r}"
    if not is_file(path, "names file"):
        raise InputError(f"{where} does not exist: check the path")
    entries = read_class_file(path)
    if bare := [entry for entry in entries if ":" not in entry]:
        raise InputError(
            f"{where} does not say what prompts call {_listed(bare)}: give .json such as "
            '{"cat": "Katze"}, or .csv with the columns name and prompt'
        )
    try:
        classes = parse_classes(entries)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    return NamesFile(str(path), {item.name: item.prompt for item in classes})


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return ", ".join(repr(name[:60]) for name in names[:_SHOWN]) + more
