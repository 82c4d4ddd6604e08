"""From what a classifier answers to figures."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..asking import Answers
from ..changes.conditions import CORRUPTION, MARK
from ..settings import FAMILIES
from .figures import (
    ChangeFigures,
    CorruptionFigures,
    MarkedClass,
    MarkFigures,
    Near,
    Pair,
)

_PAIRS, _EXAMPLES, _NEAR = 5, 8, 12


def accuracy(predicted: Tensor, labels: Tensor) -> float:
    """The share of N images that get their class."""
    return float((predicted == labels).double().mean())


def class_accuracies(hits: Tensor, labels: Tensor, count: int) -> tuple[float | None, ...]:
    """The mean of `hits`, float `[N]`, over the images of each of `count` classes."""
    found = []
    for label in range(count):
        own = hits[labels == label]
        found.append(float(own.mean()) if len(own) else None)
    return tuple(found)


def corruption_figures(answers: Answers, labels: Tensor) -> tuple[CorruptionFigures, ...]:
    """Of each corruption, in the order in which they were asked about."""
    families = {name: family for family, names in FAMILIES.items() for name in names}
    clean, found = accuracy(answers.unchanged, labels), []
    rows: dict[str, list[int]] = {}
    for row, one in enumerate(answers.conditions):
        if one.kind == CORRUPTION:
            rows.setdefault(one.name, []).append(row)
    for name, places in rows.items():
        hits = (answers.predicted[places] == labels).double()  # [5, N]
        mean = float(hits.mean())
        found.append(
            CorruptionFigures(
                name,
                families[name],
                tuple(hits.mean(1).tolist()),
                mean,
                clean - mean,
                class_accuracies(hits.mean(0), labels, answers.shares.shape[1]),
            )
        )
    return tuple(found)


def change_figures(answers: Answers, labels: Tensor) -> tuple[ChangeFigures, ...]:
    """Of each shift, size and quality."""
    return tuple(
        ChangeFigures(
            one.kind,
            one.level,
            accuracy(predicted, labels),
            float((predicted != answers.unchanged).double().mean()),
        )
        for one, predicted in zip(answers.conditions, answers.predicted, strict=True)
        if one.kind not in (CORRUPTION, MARK)
    )


def mark_figures(
    answers: Answers, labels: Tensor, classes: Sequence[str]
) -> tuple[MarkFigures, ...]:
    """Of each mark, by class."""
    found = []
    for one, predicted in zip(answers.conditions, answers.predicted, strict=True):
        if one.kind != MARK:
            continue
        is_changed = predicted != answers.unchanged
        rows = []
        for label, name in enumerate(classes):
            own = labels == label
            rows.append(_marked_class(name, predicted[own], is_changed[own], classes))
        share = float(is_changed.double().mean())
        found.append(MarkFigures(one.name, accuracy(predicted, labels), share, tuple(rows)))
    return tuple(found)


def confused_pairs(answers: Answers, labels: Tensor, classes: Sequence[str]) -> tuple[Pair, ...]:
    """The most frequent mistakes on the images as they are."""
    predicted, count = answers.unchanged, len(classes)
    cells = torch.bincount(labels * count + predicted, minlength=count**2).view(count, count)
    wrong = cells.clone().fill_diagonal_(0).flatten()
    found = []
    for cell in wrong.argsort(descending=True, stable=True)[:_PAIRS].tolist():
        true, taken = divmod(cell, count)
        if not wrong[cell]:
            break
        places = ((labels == true) & (predicted == taken)).nonzero()[:, 0]
        surest = answers.shares[places, taken].argsort(descending=True, stable=True)
        examples = tuple(places[surest[:_EXAMPLES]].tolist())
        images = int(wrong[cell])
        share = images / int(cells[true].sum())
        found.append(Pair(classes[true], classes[taken], images, share, examples))
    return tuple(found)


def nearest(answers: Answers, labels: Tensor, classes: Sequence[str]) -> tuple[Near, ...]:
    """The images whose two likeliest classes are the least apart."""
    best = answers.shares.topk(2)
    margins = best.values[:, 0] - best.values[:, 1]
    found = []
    for place in margins.argsort(stable=True)[:_NEAR].tolist():
        first, second = best.indices[place].tolist()
        true, margin = classes[int(labels[place])], float(margins[place])
        found.append(Near(place, true, classes[first], classes[second], margin))
    return tuple(found)


def _marked_class(
    name: str, predicted: Tensor, is_changed: Tensor, classes: Sequence[str]
) -> MarkedClass:
    """Of one class's images: what they get with the mark, and whether that differs."""
    images = len(predicted)
    if not images:
        return MarkedClass(name, 0, None, None, None)
    taken = torch.bincount(predicted[is_changed], minlength=len(classes))
    most = int(taken.argmax())
    share = float(is_changed.double().mean())
    if not taken[most]:
        return MarkedClass(name, images, share, None, None)
    return MarkedClass(name, images, share, classes[most], int(taken[most]) / images)
