"""The card of a dataset: its README, for people and for the Hugging Face hub."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ....report.page import memory, moment
from ..commit.record import GroupFacts, WorkerFacts
from .facts import CardFacts
from .front_matter import front_matter
from .loading import loading
from .markdown import escape, fenced

CARD = "README.md"
_TEMPLATE = "card.md.j2"
_MOST_OPEN = 40  # classes in a table that is not folded
_MACHINE = ("device", "engine", "precision", "batch_size", "encoder")


def dataset_card(facts: CardFacts) -> str:
    """The card: YAML front matter, and what a reader should know."""
    content = {
        "facts": facts,
        "licence": facts.model.licence,
        "command": fenced(facts.command, "bash"),
        "machines": _machines(facts.workers),
        "rejected": _sum(one.rejected for one in facts.classes),
        "kept": _sum(one.kept for one in facts.classes),
        "groups": {by: _ordered(groups) for by, groups in facts.groups.items() if len(groups) > 1},
        "loading": loading(facts),
        "most_open": _MOST_OPEN,
    }
    return front_matter(facts) + "\n" + _environment().get_template(_TEMPLATE).render(content)


def _machines(workers: Iterable[WorkerFacts]) -> list[dict[str, Any]]:
    """The kinds of machine that made shards, those with the most first; hosts are not named."""
    kinds = Counter(tuple(getattr(one, name) for name in _MACHINE) for one in workers)
    return [
        {**dict(zip(_MACHINE, kind, strict=True)), "shards": count}
        for kind, count in kinds.most_common()
    ]


def _sum(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for one in counts:
        total.update(one)
    return dict(total)


def _ordered(groups: Mapping[str, GroupFacts]) -> dict[str, GroupFacts]:
    """By the number that names begin with, then by name."""

    def place(name: str) -> tuple[float, str]:
        try:
            return float(name.partition(" ")[0]), name
        except ValueError:
            return math.inf, name

    return {name: groups[name] for name in sorted(groups, key=place)}


def _counts(reasons: Mapping[str, int]) -> str:
    return ", ".join(f"{reason} {number:,}" for reason, number in sorted(reasons.items()))


def _images_were(reasons: Mapping[str, int]) -> str:
    number = sum(reasons.values())
    return f"{number:,} {'image was' if number == 1 else 'images were'}"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=False,  # which would be for HTML: `finalize` escapes all that is printed
        finalize=lambda value: value if isinstance(value, Markup) else escape(value),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "count": "{:,}".format,
        "memory": memory,
        "moment": moment,
        "counts": _counts,
        "images_were": _images_were,
        "raw": Markup,
        # Nothing in an address may end the link that it stands in.
        "address": lambda link: quote(link, safe=":/?#@!$&'*+,;=%"),
    }
    return environment
