"""Class names: what users write, checked; what prompts and folders are made of."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ...base.errors import InputError


@dataclass(frozen=True)
class ClassName:
    """A class: its `name` in reports and the phrase that prompts use for it."""

    name: str
    prompt: str

    @property
    def slug(self) -> str:
        """A folder name of ASCII letters, digits and hyphens."""
        return slug(self.name)


def slug(text: str) -> str:
    """`text` as lower-case ASCII letters, digits and single hyphens, safe as a file name."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")


def parse_classes(entries: Iterable[str]) -> tuple[ClassName, ...]:
    """Check class entries, `name` or `name: display prompt`, and give them in label order.

    Underscores read as spaces in prompts. Raises `InputError` for no classes, one class alone,
    duplicates, blank names, and names with a path separator or control characters.
    """
    classes = tuple(_parse_entry(entry) for entry in entries)
    if len(classes) < 2:
        raise InputError(
            f"the class list has {len(classes)} classes, at least 2 are needed: "
            "separate names by commas or write one a line in a file"
        )
    seen: dict[str, ClassName] = {}
    for position, item in enumerate(classes):
        # Names in scripts without ASCII letters have no slug of their own.
        key = item.slug or item.name.casefold()
        if key in seen:
            raise InputError(
                f"class {item.name!r} (entry {position + 1}) duplicates {seen[key].name!r}: "
                "each class needs a name of its own"
            )
        seen[key] = item
    return classes


def prompt_aliases(classes: Iterable[ClassName]) -> list[tuple[str, str]]:
    """Display prompts, each with the name of its class, for matching test data."""
    return [(item.prompt, item.name) for item in classes]


def class_entries(source: str) -> tuple[str, ...]:
    """Entries of a comma-separated list, or of a file with one a line (`#` begins a comment)."""
    path = Path(source)
    if "," not in source and path.suffix == ".txt" and not path.is_file():
        raise InputError(f"class file {source!r} does not exist: check the path")
    if "," in source or not path.suffix or not path.is_file():
        return tuple(source.split(",")) if source.strip() else ()
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise InputError(f"class file {source!r} is not UTF-8 text: save it as UTF-8") from None
    return tuple(line for line in lines if line.strip() and not line.startswith("#"))


def _parse_entry(entry: str) -> ClassName:
    name, colon, prompt = entry.partition(":")
    name, prompt = name.strip(" "), prompt.strip(" ")
    if not name.strip() and not _has_control(name):
        raise InputError(f"class entry {entry!r} has only spaces for a name: give it a name")
    if _has_control(name) or _has_control(prompt):
        raise InputError(f"class {entry!r} holds control characters: use printable text")
    if "/" in name or "\\" in name or name in (".", ".."):
        raise InputError(
            f"class {name!r} is or holds a path separator: "
            f"write a plain name and the phrase after a colon, as in 't-shirt: t-shirt/top'"
        )
    if colon and not prompt:
        raise InputError(f"class entry {entry!r} has nothing after the colon: add the prompt")
    return ClassName(name, " ".join((prompt or name).replace("_", " ").split()))


def _has_control(text: str) -> bool:
    return any(unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl") for character in text)
