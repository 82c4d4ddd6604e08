"""What a classifier cannot bear, a sentence each, and what is known to mend it."""

from __future__ import annotations

from collections.abc import Sequence

from ..changes.conditions import JPEG, SHIFT, SIZE
from .figures import Advice, ChangeFigures, CorruptionFigures, MarkFigures, Pair

_LOST, _CHANGED, _MISTAKEN = 0.05, 0.1, 0.1
_WORDS = {
    SHIFT: "moved by {0} pixel{s}",
    SIZE: "that come at {0} x {0} pixels",
    JPEG: "saved as JPEG of quality {0}",
}


def advice_on(
    corruptions: Sequence[CorruptionFigures],
    changes: Sequence[ChangeFigures],
    marks: Sequence[MarkFigures],
    pairs: Sequence[Pair],
    can_robustify: bool,
) -> tuple[Advice, ...]:
    """The weaknesses, the worst of each kind first.

    That is what costs 5 points of accuracy or more, what changes the class of a tenth of the
    images, and pairs of which a tenth is mistaken. Only fine-tuning on corruptions is known to mend
    any (see docs/robustness.md); it can be named where a run can be fine-tuned, and has not been.
    """
    remedy = (
        "zeroreal probe RUN --robustify fine-tunes on corruptions like it"
        if can_robustify
        else None
    )
    found = [
        Advice(
            f"{one.name} costs {_points(one.lost)} points of accuracy, on average over severities",
            remedy,
        )
        for one in sorted(corruptions, key=lambda one: -one.lost)
        if one.lost >= _LOST
    ]
    found += [
        Advice(f"{_percent(one.changed)} of the images {_how(one)} get another class", None)
        for one in _worst(changes)
        if one.changed >= _CHANGED
    ]
    found += [
        Advice(
            f"a {mark.name} in a corner gives {_percent(row.changed)} of the images of class "
            f"{row.class_name!r} another class, mostly {row.taken_for!r}",
            None,
        )
        for mark in marks
        for row in sorted(mark.per_class, key=lambda row: -(row.changed or 0))[:1]
        if row.changed is not None and row.changed >= _CHANGED
    ]
    found += [
        Advice(
            f"{_percent(pair.share)} of class {pair.true!r} are taken for {pair.predicted!r}", None
        )
        for pair in pairs
        if pair.share >= _MISTAKEN
    ]
    return tuple(found)


def _worst(changes: Sequence[ChangeFigures]) -> list[ChangeFigures]:
    """Of each kind the change that costs most."""
    kinds = dict.fromkeys(one.kind for one in changes)
    return [
        max((one for one in changes if one.kind == kind), key=lambda one: one.changed)
        for kind in kinds
    ]


def _how(one: ChangeFigures) -> str:
    return _WORDS[one.kind].format(one.level, s="" if one.level == 1 else "s")


def _percent(share: float | None) -> str:
    return f"{100 * (share or 0):.0f} %"


def _points(share: float) -> str:
    return f"{100 * share:.1f}"
