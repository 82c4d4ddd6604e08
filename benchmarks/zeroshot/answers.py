"""What contenders tell of themselves, whatever classifies."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Answers:
    """What a contender said of all images, in a first round that is not counted."""

    labels: tuple[int, ...]
    """The class of each image."""
    accuracy: float
    """Share of images whose class is right."""
    batch_size: int
    """What it took at once: evaluations of the UNet, or images of an encoder."""
    evaluations: int | None = None
    """Of the UNet, for all images."""


def agreement(one: Answers, other: Answers) -> float:
    """The share of images that both put into the same class."""
    same = [a == b for a, b in zip(one.labels, other.labels, strict=True)]
    return sum(same) / len(same)


def accuracy(labels: list[int], right: list[int]) -> float:
    """The share of labels that are right."""
    return sum(a == b for a, b in zip(labels, right, strict=True)) / len(right)
