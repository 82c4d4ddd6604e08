"""A comparison of two results as a table of 80 characters, and in sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import groupby

from .comparing import LEAST_PROCESSES, LEVEL, Change, Comparison, Verdict
from .table import TextTable
from .units import scale_of

_WORDS: dict[Verdict, str] = {
    "better": "better",
    "worse": "worse",
    "changed": "changed",
    "no change beyond noise": "noise",
    "not to be told": "-",
}
TITLES = ("", "before", "after", "after/before", "change")


def comparison_tables(comparison: Comparison) -> tuple[tuple[str, TextTable], ...]:
    """A table for each case, by its name: a line for each row, under it one for each metric."""
    by_case = groupby(comparison.changes, lambda change: change.case)
    return tuple((case, _table(changes)) for case, changes in by_case)


def sentences(comparison: Comparison) -> tuple[str, ...]:
    """What the table does not show: what is different besides, doubts, and the sum of it."""
    return (
        *(f"different: {difference}" for difference in comparison.differences),
        *(f"not to be trusted, {doubt}" for doubt in comparison.doubts),
        *(f"only before: {row}" for row in comparison.only_before),
        *(f"only after: {row}" for row in comparison.only_after),
        *_sums(comparison),
    )


def _table(changes: Iterable[Change]) -> TextTable:
    rows: list[tuple[str, ...]] = []
    for name, own in groupby(changes, lambda change: change.name):
        rows.append((name, "", "", "", ""))
        rows += [_line(change) for change in own]
    return TextTable(TITLES, tuple(rows))


def _line(change: Change) -> tuple[str, ...]:
    scale = scale_of(change.unit, (change.before, change.after))
    ratio = "-" if change.ratio != change.ratio else f"{change.ratio:.3f}"
    if change.interval is not None:
        ratio = f"{ratio} ({change.interval[0]:.3f}-{change.interval[1]:.3f})"
    figures = (scale.number(change.before), scale.figure(change.after))  # the unit once
    return (f"  {change.metric}", *figures, ratio, _WORDS[change.verdict])


def _sums(comparison: Comparison) -> list[str]:
    counts = Counter(change.verdict for change in comparison.changes)
    if not counts:
        return ["no metric is in both results"]
    told = [f"{counts[v]} {v}" for v in ("better", "worse", "changed") if counts[v]]
    judged = sum(counts.values()) - counts["not to be told"]
    found = []
    if judged:
        what = ", ".join(told) or "nothing changed"
        found.append(
            f"{what}; {counts['no change beyond noise']} within noise, at {100 * LEVEL:g} %: of "
            f"{judged} equal metrics about {judged * (1 - LEVEL):.1f} would seem changed by chance"
        )
    if counts["not to be told"]:
        found.append(
            f"{counts['not to be told']} not to be told from noise: both results need values above "
            f"0 of {LEAST_PROCESSES} processes, which --repeats {LEAST_PROCESSES} measures"
        )
    return found
