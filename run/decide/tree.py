"""A tree of class names as somebody wrote it in JSON, and the lengths of its paths."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...base import InputError
from ...base.limits import TREE_NAMES
from ...base.printable import short
from ...base.reading import load_json

_SHAPE = 'write names inside each other, such as {"clothes": {"tops": ["shirt", "coat"]}}'
_ABOVE = -1  # where a path has no name: at the root, and beyond its end
_MOST_LISTED = 10

_Path = tuple[int, ...]


class ClassTree:
    """The classes of a tree, the classifier's first, and how far they are from each other.

    The distance is the number of edges on the path between them. Names at the top have a root above
    them that is no class.

    Attributes:
        name: what it is called, for people.
        labels: names of the classes, the classifier's as it calls them; then the other leaves.
    """

    def __init__(self, path: Path, classes: Sequence[str], prompts: Sequence[str]) -> None:
        """Read it; a class stands in it by its name, or by what prompts call it.

        Raises `InputError` for a file that is no tree of names or lacks one of `classes`.
        """
        where = f"class tree {str(path)!r}"
        self.name = f"class tree {path.name}"
        found, inner = _read(path, where)
        own = _places(found, classes, prompts, where)
        taken = {found[name] for name in own}
        others = {
            name: place
            for name, place in found.items()
            if place not in taken and place[-1] not in inner
        }
        self.labels = (*classes, *others)
        paths = [*(found[name] for name in own), *others.values()]
        longest = max(map(len, paths))
        self._paths = torch.tensor([[*one, *[_ABOVE] * (longest - len(one))] for one in paths])
        self._depths = torch.tensor(list(map(len, paths)))

    def between(self, first: Tensor, second: Tensor) -> Tensor:
        """Distances of labels, int64 `[N]` each, or one of them `[1]`: float64 `[N]`."""
        above = self._paths[first]
        common = ((above == self._paths[second]) & (above != _ABOVE)).sum(1)
        return (self._depths[first] + self._depths[second] - 2 * common).double()

    def are_siblings(self, first: Tensor, second: Tensor) -> Tensor:
        """Whether two labels are not the same and right below the same name: bool `[N]`."""
        same = self._parents(first) == self._parents(second)
        return same & (first != second)

    def agreement(self, first: Tensor, second: Tensor) -> Tensor:
        """Whether two labels share the name at each level, from the top: bool `[N, levels]`.

        They are that name, or lie below it. Where one ends above a level, only it shares its name.
        """
        return (self._paths[first] == self._paths[second]).cumprod(1).bool()

    def _parents(self, labels: Tensor) -> Tensor:
        # Of a name at the top, this is what stands for the root.
        places = self._depths[labels] - 2
        parents = self._paths[labels].gather(1, places.clamp_min(0)[:, None])[:, 0]
        return parents.where(places >= 0, torch.tensor(_ABOVE))


def _read(path: Path, where: str) -> tuple[dict[str, _Path], set[int]]:
    """The path of each name, as numbers of names from the top, and the numbers of what is no leaf.

    Without recursion: how deep it is nested has a limit of its own.
    """
    found: dict[str, _Path] = {}
    inner: set[int] = set()
    waiting: list[tuple[_Path, Any]] = [((), load_json(path, "class tree", _SHAPE, pairs=tuple))]
    if not isinstance(waiting[0][1], tuple | list):
        raise InputError(f"{where} is {short(waiting[0][1])}: {_SHAPE}")
    while waiting:
        above, content = waiting.pop()
        below: list[tuple[_Path, Any]] = []
        for name, children in _children(content, where):
            if name in found:
                raise InputError(
                    f"{where} has the name {short(name)} twice, and in a tree each has one place: "
                    "rename or remove one"
                )
            TREE_NAMES.check(len(found) + 1, where, or_more=True)
            found[name] = (*above, len(found))
            inner.update(above)
            below.append((found[name], children))
        waiting += reversed(below)
    return found, inner


def _children(content: Any, where: str) -> Iterator[tuple[str, Any]]:
    """Names right below another with what is below them.

    Objects of JSON are tuples of their fields here, so that a name given twice is not lost.
    """
    if content is None:
        return
    parts: list[tuple[Any, Any]] = []
    if isinstance(content, tuple):
        parts = list(content)
    elif isinstance(content, list):
        for part in content:
            parts += part if isinstance(part, tuple) else [(part, None)]
    else:
        raise InputError(f"{where} has {short(content)} where names were expected: {_SHAPE}")
    for name, children in parts:
        if not isinstance(name, str) or not name.strip():
            raise InputError(f"{where} has {short(name)} where a name was expected: {_SHAPE}")
        yield name, children


def _places(
    found: dict[str, _Path], classes: Sequence[str], prompts: Sequence[str], where: str
) -> list[str]:
    """The name in the tree of each class."""
    taken = set(found) & set(classes)
    own, absent = [], []
    for name, prompt in zip(classes, prompts, strict=True):
        if name not in found and prompt in found and prompt not in taken:
            taken.add(prompt)
            own.append(prompt)
        elif name in found:
            own.append(name)
        else:
            absent.append(name)
    if absent:
        listed = ", ".join(map(repr, absent[:_MOST_LISTED]))
        rest = f" and {len(absent) - _MOST_LISTED} more" if len(absent) > _MOST_LISTED else ""
        raise InputError(
            f"{where} lacks classes of the classifier, {listed}{rest}: add them, or give a tree "
            "that has them"
        )
    return own
