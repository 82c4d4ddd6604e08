"""Deciding on classes: by the likeliest, or by what settings put in its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from torch import Tensor

from ...base import InputError
from ...data import LabelledImages
from ...generate import ClassName
from .figures import DecidingFigures, step_figures
from .metric import frechet_means, load_metric
from .propagation import balance, neighbour_graph, propagate
from .settings import NEIGHBOURS, DecideSettings, MetricSettings

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
        classes: the classifier's.
        prompts: what prompts call them, in the same order.
        device: where an encoder computes.
        find_features: the classifier's of images, float32 `[N, D]`; None where it gives none.

    Raises `InputError` for a label metric that cannot be used, and for a graph without features.

    Attributes:
        labels: what may be decided on, the classifier's classes first.
        is_plain: whether it is the likeliest class of each image by itself.
    """

    def __init__(
        self,
        settings: DecideSettings,
        classes: Sequence[str],
        prompts: Sequence[str],
        device: str,
        find_features: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        if settings.transductive and find_features is None:
            raise InputError(
                "a deployed file gives probabilities alone, and a graph of neighbours takes the "
                "classifier's features: give the run's folder, or leave --transductive out"
            )
        self._settings, self._find_features = settings, find_features
        self._metric = load_metric(settings, classes, prompts, device)
        self.labels = tuple(classes) if self._metric is None else self._metric.labels
        self.is_plain = settings == DecideSettings()

    def features(self, images: Tensor) -> Tensor | None:
        """What `steps` needs of images beside probabilities: float32 `[N, D]`; None for nothing."""
        if not self._settings.transductive:
            return None
        assert self._find_features is not None
        return self._find_features(images)

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


def decider_by_metric(
    metric: MetricSettings,
    classes: Sequence[ClassName],
    test: LabelledImages | None,
    device: str,
) -> Decider | None:
    """What decides on a run's test images by a metric; None without one.

    Raises `InputError` for a metric that cannot be used, and where there are no images.
    """
    settings = DecideSettings(metric.label_metric, metric.encoder)
    if settings.label_metric is None:
        return None
    if test is None:
        raise InputError(
            f"label metric {settings.label_metric!r} was given, and there are no real images to "
            "decide on: give labelled ones with --data, or leave --label-metric out"
        )
    names, prompts = [item.name for item in classes], [item.prompt for item in classes]
    return Decider(settings, names, prompts, device)
