"""What a classifier makes of images, as they are and under every condition."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ...base.progress import OnStage, StageProgress
from ..judge import Judge
from .changes.conditions import Condition

_VALUES = 2**22  # of images that are changed at once
_MOST = 250  # images at once, so that progress is seen


@dataclass(frozen=True)
class ProbeImages:
    """Labelled images to probe a classifier with, on the CPU."""

    images: Tensor
    """uint8 `[N, S, S, 3]`."""
    labels: Tensor
    """int64 `[N]`."""
    numbers: Tensor
    """int64 `[N]`: of each in what it comes from, which decides what is drawn for it."""
    source: str
    """What it comes from, in words."""
    is_real: bool

    def __len__(self) -> int:
        return len(self.images)

    def first(self, count: int) -> ProbeImages:
        """The first `count` of them."""
        return ProbeImages(
            self.images[:count],
            self.labels[:count],
            self.numbers[:count],
            self.source,
            self.is_real,
        )


@dataclass(frozen=True)
class Answers:
    """What a classifier says of N images."""

    conditions: tuple[Condition, ...]
    shares: Tensor
    """Class probabilities of the images as they are, float32 `[N, K]`."""
    predicted: Tensor
    """Class under each condition, int64 `[C, N]`."""

    def __len__(self) -> int:
        return len(self.shares)

    @property
    def unchanged(self) -> Tensor:
        """Class of the images as they are, int64 `[N]`."""
        return self.shares.argmax(1)


def ask(
    judge: Judge,
    found: ProbeImages,
    conditions: Sequence[Condition],
    on_progress: OnStage,
    stage: str = "probe",
) -> Answers:
    """Have images classified, some at a time under all conditions.

    Interrupted by Ctrl-C, it gives the answers of the images that are done, if there are any.
    """
    shares, predicted, total = [], [], len(found)
    on_progress(StageProgress(stage, 0, total))
    try:
        for images, numbers in _chunks(found, judge.device):
            shares.append(judge.judge(images)[0])
            classes = (judge.judge(one.apply(images, numbers))[0].argmax(1) for one in conditions)
            predicted.append(torch.stack(list(classes)))
            done = sum(part.shape[1] for part in predicted)
            on_progress(StageProgress(stage, done, total, f"{len(conditions)} changes"))
    except KeyboardInterrupt:
        if not predicted:
            raise
    answers = torch.cat(predicted, 1)
    return Answers(tuple(conditions), torch.cat(shares)[: answers.shape[1]], answers)


def ask_all(
    judge: Judge,
    found: ProbeImages,
    conditions: Sequence[Condition],
    on_progress: OnStage,
    stage: str,
) -> Answers:
    """The answers to all images, for work that goes on from them: Ctrl-C ends that."""
    answers = ask(judge, found, conditions, on_progress, stage)
    if len(answers) < len(found):
        raise KeyboardInterrupt
    return answers


def _chunks(found: ProbeImages, device: torch.device) -> Iterator[tuple[Tensor, Tensor]]:
    size = max(1, min(_MOST, _VALUES // found.images[0].numel()))
    for images, numbers in zip(found.images.split(size), found.numbers.split(size), strict=True):
        yield images.to(device), numbers.to(device)
