"""Class names: what users write, checked; what prompts are made of."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ...base.errors import InputError
from ...base.reading import is_file
from .class_file import CLASS_FILES, read_class_file


@dataclass(frozen=True)
class ClassName:
    """A class: its `name` in reports and the phrase that prompts use for it."""

    name: str
    prompt: str


def slug(text: str) -> str:
    """`text` as lower-case ASCII letters, digits and single hyphens, safe as a file name."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")


def parse_classes(entries: Iterable[str]) -> tuple[ClassName, ...]:
    """Check class entries, `name` or `name: display prompt`, and give them in label order.

    Underscores read as spaces in prompts. Raises `InputError` for no classes, one class alone, the
    same name twice, blank names, and names with control characters.
    """
    classes = tuple(_parse_entry(entry) for entry in entries)
    if len(classes) < 2:
        raise InputError(
            f"the class list has {len(classes)} classes, at least 2 are needed: "
            "separate names by commas or write one a line in a file"
        )
    seen: set[str] = set()
    for position, item in enumerate(classes):
        if item.name in seen:
            raise InputError(
                f"class {item.name!r} (entry {position + 1}) is there already: each class needs a "
                "name of its own"
            )
        seen.add(item.name)
    return classes


def prompt_aliases(classes: Iterable[ClassName]) -> list[tuple[str, str]]:
    """Display prompts, each with the name of its class, for matching test data."""
    return [(item.prompt, item.name) for item in classes]


def class_entries(source: str) -> tuple[str, ...]:
    """Entries of a comma-separated list, or of a file: see `read_class_file`."""
    if "," in source:
        return tuple(source.split(","))
    if is_file(Path(source), "class file"):
        return read_class_file(Path(source))
    if os.path.isdir(source):
        raise InputError(f"classes {source!r} is a folder: give a file, or names with commas")
    if Path(source).suffix.lower() in CLASS_FILES:
        raise InputError(f"class file {source!r} does not exist: check the path")
    return (source,) if source.strip() else ()


def _parse_entry(entry: str) -> ClassName:
    name, colon, prompt = entry.partition(":")
    name, prompt = name.strip(" "), prompt.strip(" ")
    if not name.strip() and not _has_control(name):
        raise InputError(f"class entry {entry!r} has only spaces for a name: give it a name")
    if _has_control(name) or _has_control(prompt):
        raise InputError(f"class {entry!r} holds control characters: use printable text")
    if colon and not prompt:
        raise InputError(f"class entry {entry!r} has nothing after the colon: add the prompt")
    return ClassName(name, " ".join((prompt or name).replace("_", " ").split()))


def _has_control(text: str) -> bool:
    """Whether there are characters that are not seen, but for those that join letters or part them.

    Indic, Persian and Arabic words and many emoji need these (Unicode 15, 23.2).
    """
    return any(
        unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")
        for character in text.replace("\u200c", "").replace("\u200d", "")
    )
