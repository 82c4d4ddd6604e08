"""Deciding on classes: by the likeliest, or by what settings put in its place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

from ...base import InputError
from ..judge import Judge
from .figures import DecidingFigures, step_figures
from .metric import frechet_means, load_metric
from .propagation import balance, neighbour_graph, propagate
from .settings import NEIGHBOURS, DecideSettings

_ALPHA = 0.5  # the best on held-out images, by little: docs/deciding.md
LIKELIEST = "likeliest class"


@dataclass(frozen=True)
class Step:
    """What was decided up to a step."""

    name: str
    shares: Tensor
    """Probabilities of the classifier's classes, `[N, K]`."""
    decided: Tensor
    """int64 `[N]`, positions in the decider's labels."""


class Decider:
    """Decides on the classes of images that a classifier has judged.

    Args:
        settings: how.
        judge: the classifier.
        device: where an encoder computes.

    Raises `InputError` for a label metric that cannot be used, and for a graph without features.

    Attributes:
        labels: what may be decided on, the classifier's classes first.
        is_plain: whether it is the likeliest class of each image by itself.
    """

    def __init__(self, settings: DecideSettings, judge: Judge, device: str) -> None:
        if settings.transductive and judge.features is None:
            raise InputError(
                "a deployed file gives probabilities alone, and a graph of neighbours takes the "
                "classifier's features: give the run's folder, or leave --transductive out"
            )
        self._settings, self._judge = settings, judge
        self._metric = load_metric(settings, judge.classes, judge.prompts, device)
        self.labels = judge.classes if self._metric is None else self._metric.labels
        self.is_plain = settings == DecideSettings()

    def features(self, images: Tensor) -> Tensor | None:
        """What `steps` needs of images beside probabilities: float32 `[N, D]`; None for nothing."""
        if not self._settings.transductive:
            return None
        assert self._judge.features is not None
        return self._judge.features(images)

    def steps(self, shares: Tensor, features: Tensor | None) -> Iterator[Step]:
        """The likeliest classes, then what each step makes of them; the last is the decision.

        `shares` are the classifier's probabilities, float `[N, K]`. Raises `InputError` for fewer
        images than can be looked at together.
        """
        settings = self._settings
        yield Step(LIKELIEST, shares, shares.argmax(1))
        if features is not None:
            if len(shares) < 2:
                raise InputError(
                    "there is one image, and a graph of neighbours takes more: give at least 2, or "
                    "leave --transductive out"
                )
            graph = neighbour_graph(features, settings.neighbours or NEIGHBOURS)
            shares = propagate(graph, shares.double(), _ALPHA)
            shares = shares / shares.sum(1, keepdim=True)
            yield Step("label propagation", shares, shares.argmax(1))
        if settings.balanced:
            shares = balance(shares)
            yield Step("balanced classes", shares, shares.argmax(1))
        if self._metric is not None:
            decided = frechet_means(shares, self._metric)
            yield Step("label metric", shares, decided)

    def figures(self, steps: list[Step], truth: Tensor) -> DecidingFigures:
        """How the steps do on images of labels `truth`, int64 `[N]`."""
        metric = self._metric
        return DecidingFigures(
            tuple(step_figures(one.name, one.decided, truth, metric) for one in steps),
            None if metric is None else metric.name,
            self.note(len(truth)),
        )

    def note(self, images: int) -> str:
        """What decisions on so many images rest on, in a sentence."""
        settings, parts = self._settings, []
        if settings.is_joint:
            parts.append(f"each image's class depends on all {images:,} images together")
        if settings.transductive:
            count = min(settings.neighbours or NEIGHBOURS, images - 1)
            parts.append(f"by a graph of each one's nearest {count} by the classifier's features")
        if settings.balanced:
            parts.append("on the assumption that all classes are equally frequent")
        if self._metric is not None:
            parts.append(f"by the least mean squared distance ({self._metric.name})")
        return ", ".join(parts)
