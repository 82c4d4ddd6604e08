"""How the class names of a source become those of a classifier."""

from __future__ import annotations

import logging
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ..base.errors import InputError
from .labelled import Labelled, check_range

_LG = logging.getLogger(__name__)

Aliases = Iterable[tuple[str, str]]
"""Further wordings, such as display prompts, each with the name of the class that it means."""


class UnknownClassError(InputError):
    """A source has classes that the classifier does not have."""

    def __init__(self, message: str, names: Sequence[str]) -> None:
        super().__init__(message)
        self.names = names
        """These classes."""


_Lookup = Callable[[str], Iterable[int]]


def labels_in(
    found: Labelled,
    classes: Sequence[str] | None,
    aliases: Aliases,
    source: object,
    label_order: bool = False,
) -> NDArray[np.int64]:
    """The labels of `found`, images of `source`, as positions in `classes`: int64 `[N]`.

    Without `classes`, or with exactly those of the source, as they are: a source's own names are
    not compared with each other. Labels that are numbers without names count positions in `classes`
    where `label_order` is set, and else stand for classes that are called "0", "1" and so on.
    Raises `InputError` as `match_classes` does, and for numbers of which neither is true.
    """
    if classes is None or list(classes) == list(found.names):
        return found.labels.astype(np.int64)
    used = np.unique(found.labels)
    names = [found.names[i] for i in used]
    if found.is_numbered and not set(names) <= set(classes):
        if not label_order:
            raise InputError(
                f"the labels of {str(source)!r} are numbers without names, so nothing says which "
                f"of the classes {_listed(classes)} they mean: store names with them, or, where "
                "they count the classes in this order from 0, say so (--label-order)"
            )
        check_range(found.labels, classes, source)
        order = ", ".join(f"{i} {classes[i]!r}" for i in used[:20])
        _LG.warning("labels of %s are taken in the order of the classes: %s", source, order)
        return found.labels.astype(np.int64)
    table = np.full(len(found.names), -1, np.int64)
    table[used] = match_classes(names, classes, aliases, source)
    return np.asarray(table[found.labels])


def match_classes(
    found: Sequence[str], classes: Sequence[str], aliases: Aliases, source: object
) -> list[int]:
    """What `classes_meant` gives, each class at most once.

    Raises `InputError`, too, for two names in `found` that mean the same class.
    """
    meant = classes_meant(found, classes, aliases, source)
    taken: dict[int, str] = {}
    for name, index in zip(found, meant, strict=True):
        if index in taken:
            raise InputError(
                f"{str(source)!r} has the classes {taken[index]!r} and {name!r}, which both mean "
                f"{classes[index]!r}; rename or remove one in the data"
            )
        taken[index] = name
    return meant


def classes_meant(
    found: Sequence[str], classes: Sequence[str], aliases: Aliases, source: object
) -> list[int]:
    """For each class name in `found`, those of `source`, its index in `classes`.

    What is the same matches first, a class's name before an alias. Where nothing is, the form of
    Unicode does not count, then case, spaces, hyphens, underscores and slashes, then what follows
    the comma in a list of synonyms such as "tench, Tinca tinca". Raises `UnknownClassError` for
    names that are none of these, and `InputError` for one that could be several classes.
    """
    lookups = list(_lookups(classes, aliases))
    matches = [next((hit for look in lookups if (hit := set(look(name)))), set()) for name in found]
    strange = [name for name, hit in zip(found, matches, strict=True) if not hit]
    if strange:
        raise UnknownClassError(
            f"{str(source)!r} has classes that the classifier does not have: {_listed(strange)}; "
            f"it has {_listed(classes)}; remove or rename them in the data",
            strange,
        )
    for name, hit in zip(found, matches, strict=True):
        if len(hit) > 1:
            first, second, *_ = sorted(hit)
            raise InputError(
                f"{str(source)!r} has the class {name!r}, which may mean {classes[first]!r} or "
                f"{classes[second]!r}; give one of them a name or prompt of its own"
            )
    return [hit.pop() for hit in matches]


def _lookups(classes: Sequence[str], aliases: Aliases) -> Iterator[_Lookup]:
    """What finds the classes that a name means, the strictest first."""
    own = list(zip(classes, range(len(classes)), strict=True))
    wordings = [(text, i) for text, name in aliases for other, i in own if other == name]
    yield _lookup(own, _as_is)
    yield _lookup(wordings, _as_is)
    yield _lookup(own, _composed)
    yield _lookup(own, _folded)
    yield _lookup(wordings, _folded)
    yield _lookup([(name, i) for name, i in own if "," not in name], _folded_first)
    # Of two lists of synonyms, the rest may tell them apart.
    lists = _lookup([(name, i) for name, i in own if "," in name], _folded_first)
    yield lambda name: () if "," in name else lists(name)


def _lookup(entries: Iterable[tuple[str, int]], fold: Callable[[str], str]) -> _Lookup:
    table: dict[str, set[int]] = {}
    for name, index in entries:
        table.setdefault(fold(name), set()).add(index)
    table.pop("", None)  # names of punctuation alone are not alike
    return lambda name: table.get(fold(name), ())


def _as_is(name: str) -> str:
    return name


def _composed(name: str) -> str:
    """As most systems write it; macOS takes accents apart in the names of files."""
    return unicodedata.normalize("NFC", name)


def _folded(name: str) -> str:
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return re.sub(r"[\s_/\\-]+", " ", plain).strip()


def _folded_first(name: str) -> str:
    return _folded(name.partition(",")[0])


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:20])
    return shown if len(names) <= 20 else f"{shown} and {len(names) - 20} more"
