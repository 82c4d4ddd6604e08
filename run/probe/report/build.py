"""A robustness report from what a classifier answered."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from datetime import datetime
from statistics import fmean

from ....base import describe_environment
from ....base.settings import plain
from ....train.classifier.bounds import accuracy_interval
from ...judge import Judge
from ..asking import Answers, ProbeImages
from ..corruptions.table import severities_of
from ..settings import ProbeSettings
from .advice import advice_on
from .figures import ProbeReport, Robustified
from .measuring import (
    accuracy,
    change_figures,
    class_accuracies,
    confused_pairs,
    corruption_figures,
    mark_figures,
    nearest,
)


def report_on(
    answers: Answers,
    found: ProbeImages,
    judge: Judge,
    settings: ProbeSettings,
    *,
    name: str,
    planned: int,
    seconds: float,
    can_robustify: bool,
    robustified: Robustified | None = None,
) -> ProbeReport:
    """The report on a classifier called `name`; `found` are the images that it answered."""
    labels, classes = found.labels, judge.classes
    corruptions = corruption_figures(answers, labels)
    changes = change_figures(answers, labels)
    marks = mark_figures(answers, labels, classes)
    pairs = confused_pairs(answers, labels, classes)
    environment = describe_environment(judge.device)
    hits = (answers.unchanged == labels).double()
    return ProbeReport(
        name=name,
        created=datetime.now().astimezone().isoformat(timespec="seconds"),
        zeroreal=environment.get("zeroreal", "unknown"),
        command=shlex.join(["zeroreal", *sys.argv[1:]]),
        classes=tuple(classes),
        image_size=judge.image_size,
        source=found.source,
        is_real=found.is_real,
        images=len(answers),
        planned=planned,
        accuracy=accuracy(answers.unchanged, labels),
        interval=accuracy_interval(int(hits.sum()), len(hits)),
        per_class=class_accuracies(hits, labels, len(classes)),
        severities=severities_of(judge.image_size),
        corrupted_accuracy=fmean(one.accuracy for one in corruptions),
        corruptions=corruptions,
        changes=changes,
        marks=marks,
        pairs=pairs,
        near=nearest(answers, labels, classes),
        advice=advice_on(corruptions, changes, marks, pairs, can_robustify),
        settings=plain(settings),
        environment=environment,
        seconds=round(seconds, 3),
        robustified=robustified,
    )


def mean_of(accuracies: Sequence[tuple[str, float]], names: Sequence[str]) -> float | None:
    """The mean of those accuracies that belong to `names`; None without one."""
    chosen = [value for name, value in accuracies if name in names]
    return fmean(chosen) if chosen else None
