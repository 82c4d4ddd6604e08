"""Images with labels as a source holds them, and how its class names become a classifier's."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..base.errors import InputError
from .decode import Encoded


@dataclass(frozen=True)
class Labelled:
    """Images of some source, still encoded, with the class names that the source itself uses."""

    names: Sequence[str]
    labels: NDArray[Any]
    """int64 `[N]`, indices into `names`."""
    pictures: Iterable[tuple[Encoded, str]]
    """N images in order, each with what to call it in an error. To be read once."""
    arrays: Sequence[NDArray[Any]] = ()
    """The same images, uint8 `[n, H, W, 3]` each, where they are stored as pixels."""


def check_range(labels: NDArray[Any], names: Sequence[str], where: object) -> None:
    """Raise `InputError` for the first of `labels` that is not an index into `names`."""
    wrong = np.flatnonzero((labels < 0) | (labels >= len(names)))
    if len(wrong):
        raise InputError(
            f"image {wrong[0]} of {str(where)!r} has label {labels[wrong[0]]}, outside the "
            f"{len(names)} class names of the data (0 to {len(names) - 1})"
        )


def joined(parts: Sequence[Labelled]) -> Labelled:
    """The images of all `parts` in order; where their class names differ, all of them, sorted."""
    names = list(parts[0].names)
    if any(list(part.names) != names for part in parts):
        names = sorted({name for part in parts for name in part.names})
    index = {name: i for i, name in enumerate(names)}
    tables = [np.array([index[name] for name in part.names], np.int64) for part in parts]
    return Labelled(
        names,
        np.concatenate([table[part.labels] for table, part in zip(tables, parts, strict=True)]),
        chain.from_iterable(part.pictures for part in parts),
    )


def match_classes(
    found: Sequence[str], classes: Sequence[str], aliases: Mapping[str, str], source: object
) -> list[int]:
    """For each class name in `found`, those of `source`, its index in `classes`.

    Case, spaces, hyphens, underscores and slashes do not count; `aliases` maps further wordings to
    names in `classes`. Raises `InputError` for a name that is not among these, and for classes that
    cannot be told apart.
    """
    own: dict[str, int] = {}
    for i, name in enumerate(classes):
        if (twin := own.setdefault(_normal(name), i)) != i:
            raise InputError(
                f"classes {classes[twin]!r} and {name!r} differ at most in case or punctuation, so "
                f"labelled images cannot tell them apart; rename one"
            )
    index = {name: i for i, name in enumerate(classes)}
    further = {_normal(alias): index[name] for alias, name in aliases.items() if name in index}
    known = further | own  # in this order, so that a class keeps its own name
    strange = [name for name in found if _normal(name) not in known]
    if strange:
        raise InputError(
            f"{str(source)!r} has classes that the classifier does not have: {_listed(strange)}; "
            f"it has {_listed(classes)}; remove or rename them in the data"
        )
    return [known[_normal(name)] for name in found]


def _normal(name: str) -> str:
    return re.sub(r"[\s_/\\-]+", " ", unicodedata.normalize("NFKC", name)).strip().casefold()


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:20])
    return shown if len(names) <= 20 else f"{shown} and {len(names) - 20} more"
