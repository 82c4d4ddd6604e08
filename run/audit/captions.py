"""How often a corpus of captions has class names and prompts."""

from __future__ import annotations

import io
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from gzip import BadGzipFile, GzipFile
from pathlib import Path

from ...base import InputError
from ...base.articles import plural
from ...base.reading import open_regular
from ...generate import ClassName

_WORD = re.compile(r"\w+")
_GZIP = b"\x1f\x8b"
_LONGEST = 2**16
"""Bytes of a line that are read; no caption is longer."""
_TOLD_EVERY = 100_000  # captions


@dataclass(frozen=True)
class CaptionCounts:
    """What was counted in a corpus."""

    source: str
    captions: int
    by_class: tuple[int, ...]
    """Captions that have a class's name, or its plural, in label order."""
    by_prompt: dict[str, int]
    """Captions that have a prompt, word for word."""


def count_captions(
    path: Path,
    classes: Sequence[ClassName],
    prompts: Iterable[str],
    on_captions: Callable[[int], None] = lambda captions: None,
) -> CaptionCounts:
    """Count the captions, one a line, in UTF-8, plain or by gzip, that have certain words in a row.

    Case and punctuation make no difference. `on_captions` is told how many were read. Raises
    `InputError` for a file that cannot be read or has no caption.
    """
    keys: dict[tuple[str, ...], list[int | str]] = {}
    for label, item in enumerate(classes):
        for phrase in {item.name, item.prompt, plural(item.prompt)}:
            keys.setdefault(_words(phrase.replace("_", " ")), []).append(label)
    for prompt in dict.fromkeys(prompts):
        keys.setdefault(_words(prompt), []).append(prompt)
    keys.pop((), None)  # of names without letters
    counts, captions = Counter[int | str](), 0
    lengths = sorted({len(key) for key in keys})
    for line in _lines(path):
        words = _words(line)
        captions += bool(words)
        counts.update(_found(words, keys, lengths))
        if captions % _TOLD_EVERY == 0:
            on_captions(captions)
    if not captions:
        raise InputError(f"caption corpus {str(path)!r} holds no captions: give one a line")
    return CaptionCounts(
        str(path),
        captions,
        tuple(counts[label] for label in range(len(classes))),
        {prompt: counts[prompt] for prompt in dict.fromkeys(prompts)},
    )


def _words(text: str) -> tuple[str, ...]:
    return tuple(_WORD.findall(text.casefold()))


def _found(
    words: tuple[str, ...], keys: dict[tuple[str, ...], list[int | str]], lengths: Sequence[int]
) -> set[int | str]:
    """What a caption has, each once."""
    return {
        one
        for length in lengths
        for start in range(len(words) - length + 1)
        for one in keys.get(words[start : start + length], ())
    }


def _lines(path: Path) -> Iterator[str]:
    where = f"caption corpus {str(path)!r}"
    try:
        with open_regular(path, "caption corpus") as file:
            is_packed = file.peek(len(_GZIP)).startswith(_GZIP)
            opened: io.BufferedIOBase = GzipFile(fileobj=file) if is_packed else file
            while line := opened.readline(_LONGEST):
                yield line.decode()
    except (EOFError, BadGzipFile, zlib.error) as error:
        raise InputError(f"{where} is damaged ({error}): copy it again") from None
    except UnicodeDecodeError:
        raise InputError(f"{where} is not text in UTF-8: convert it") from None
    except OSError as error:
        raise InputError(f"{where} cannot be read ({error.strerror}): check the path") from None
