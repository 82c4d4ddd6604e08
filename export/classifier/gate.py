"""What a classifier's file must hold to before it is handed out: it agrees with PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...base.errors import InputError
from .graph import Runner

LEAST_AGREEMENT: Mapping[str, float] = {
    "onnx": 0.999,
    "int8": 0.97,
    "openvino": 0.99,
    "torch": 0.999,
    "fp16": 0.99,
}
"""Of the images, which share a file of a target, or a plan's graph of a precision, must give
PyTorch's class."""
LEAST_REJECTED_ALIKE: Mapping[str, float] = {
    "onnx": 0.99,
    "int8": 0.95,
    "openvino": 0.97,
    "torch": 0.99,
    "fp16": 0.97,
}
"""Of which share both reject, or neither; a score lies near its threshold more often than a class
near another."""
LEAST_QUANTISED = 0.5
"""Of the convolutions and matrix products, which share must be in 8 bits in a file that says so."""
_BATCH = 32


@dataclass(frozen=True)
class Case:
    """Images of one size, and what PyTorch makes of them."""

    name: str
    images: NDArray[np.uint8]
    """`[N, H, W, 3]`"""
    expected: NDArray[np.float32]
    """Probabilities, `[N, K]`."""
    labels: NDArray[np.int64] | None = None
    """`[N]`, of real images."""
    rejected: NDArray[np.bool_] | None = None
    """`[N]`, of classifiers that can tell."""


@dataclass(frozen=True)
class Comparison:
    """How far a file's probabilities are from PyTorch's."""

    case: str
    images: int
    agreeing: int
    """Images that get the same class."""
    largest_difference: float
    """Of any probability; infinite where one is no number."""
    mean_difference: float
    classes: int
    """That were predicted at all."""
    expected_classes: int
    accuracy: float | None
    """Where there are labels."""
    rejected_alike: int | None = None
    """Images that both reject, or neither; None of classifiers that reject none."""

    @property
    def merit(self) -> tuple[int, float]:
        """More is better, of comparisons on the same case."""
        return self.agreeing, -self.mean_difference


def compare(run: Runner, case: Case) -> Comparison:
    """Run the images of a case and compare."""
    parts = [
        run(case.images[begin : begin + _BATCH]) for begin in range(0, len(case.images), _BATCH)
    ]
    found = np.concatenate([some for some, _ in parts])
    rejected = [some for _, some in parts if some is not None]
    alike = None
    if case.rejected is not None:
        alike = int((np.concatenate(rejected) == case.rejected).sum())
    difference = np.where(np.isfinite(found), np.abs(found - case.expected), np.inf)
    best, wanted = found.argmax(1), case.expected.argmax(1)
    return Comparison(
        case.name,
        len(found),
        int((best == wanted).sum()),
        float(difference.max()),
        float(difference.mean()),
        len(np.unique(best)),
        len(np.unique(wanted)),
        None if case.labels is None else float((best == case.labels).mean()),
        alike,
    )


def agreement(comparisons: Sequence[Comparison]) -> float:
    """The share of all images that get the same class."""
    return sum(one.agreeing for one in comparisons) / sum(one.images for one in comparisons)


def check(
    target: str,
    comparisons: Sequence[Comparison],
    quantised: float | None = None,
    lossy: Callable[[], Sequence[tuple[str, float]]] = tuple,
    *,
    flag: str = "--to",
) -> None:
    """Raise `InputError`, which says the figures, for a file that may not be handed out.

    `quantised` is the share of its layers that are in 8 bits, where it says that they are; `lossy`
    finds the layers that lose most, with decibels of signal to noise; `flag` is what asked for it.
    """
    found, needed = agreement(comparisons), LEAST_AGREEMENT[target]
    largest = max(one.largest_difference for one in comparisons)
    remedy = f"leave {target} out of {flag}"
    if found < needed or not np.isfinite(largest):
        listed = "; ".join(
            f"{one.agreeing} of {one.images} on {one.case}, probabilities up to "
            f"{one.largest_difference:.2g} apart"
            for one in comparisons
        )
        layers = ", ".join(f"{name} at {ratio:.0f} dB" for name, ratio in lossy())
        raise InputError(
            f"the {target} file gives PyTorch's class to {100 * found:.2f} % of the images "
            f"({listed}{f'; most is lost in {layers}' if layers else ''}), and {100 * needed:g} % "
            f"are needed: {remedy}"
        )
    for one in comparisons:
        if one.classes < 2 <= one.expected_classes:
            raise InputError(
                f"the {target} file predicts one class for all {one.images} images of {one.case}, "
                f"PyTorch {one.expected_classes}: {remedy}"
            )
    told = [one for one in comparisons if one.rejected_alike is not None]
    alike, images = sum(one.rejected_alike or 0 for one in told), sum(one.images for one in told)
    if alike < LEAST_REJECTED_ALIKE[target] * images:
        raise InputError(
            f"the {target} file rejects as PyTorch does for {alike} of {images} images, and "
            f"{100 * LEAST_REJECTED_ALIKE[target]:g} % are needed: {remedy}"
        )
    if quantised is not None and quantised < LEAST_QUANTISED:
        raise InputError(
            f"of the {target} file's convolutions and matrix products {100 * quantised:.0f} % are "
            f"in 8 bits, and {100 * LEAST_QUANTISED:.0f} % are needed: {remedy}"
        )
