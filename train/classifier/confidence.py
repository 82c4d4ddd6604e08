"""How probabilities compare with the truth: calibration error, scores, and risk by coverage."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from .calibration import check_logits

_BINS = 15
_COVERAGES = 10


@dataclass(frozen=True)
class Bin:
    """Images of about one confidence, the largest probability; there is at least one."""

    images: int
    confidence: float
    """Mean over the images."""
    accuracy: float


@dataclass(frozen=True)
class ConfidenceFigures:
    """How probabilities compare with the truth."""

    images: int
    accuracy: float
    nll: float
    """Mean negative log-likelihood of the true class, in nats."""
    brier: float
    """Mean squared distance to the one-hot truth, summed over classes: 0 to 2 (Brier 1950)."""
    ece: float
    """Expected calibration error in 15 bins of equal width (Naeini et al., AAAI 2015; Guo et al.,
    ICML 2017)."""
    aurc: float
    """Area under the risk-coverage curve: the share of errors among the most confident images, on
    average over how many of them are kept (Geifman et al., ICLR 2019)."""
    reliability: tuple[Bin, ...]
    """The reliability diagram, in order of confidence, without empty bins."""
    risks: tuple[float, ...]
    """The share of errors among the most confident 10 %, 20 % and so on up to all."""


@dataclass(frozen=True)
class TestedConfidence:
    """Probabilities before and after calibration, on images that nothing was fitted to."""

    __test__ = False  # not one of pytest's

    source: str
    before: ConfidenceFigures | None
    """At temperature 1; None of a deployed file, which gives probabilities alone."""
    after: ConfidenceFigures
    kept: float
    """The share of the images that is not rejected."""
    kept_accuracy: float | None
    """The accuracy on these; None where there is none."""


def tested_confidence(
    source: str, logits: Tensor, labels: Tensor, temperature: float, is_rejected: Tensor
) -> TestedConfidence:
    """The figures of a calibration on images.

    Args:
        source: what they are called.
        logits: float `[N, K]`.
        labels: int64 `[N]`.
        temperature: that was fitted.
        is_rejected: bool `[N]`.
    """
    kept = ~is_rejected
    right = logits.argmax(1)[kept] == labels[kept]
    return TestedConfidence(
        source,
        confidence_figures(logits, labels),
        confidence_figures(logits, labels, temperature),
        kept.double().mean().item(),
        right.double().mean().item() if len(right) else None,
    )


def tested_probabilities(
    source: str, shares: Tensor, labels: Tensor, is_rejected: Tensor
) -> TestedConfidence:
    """The same of probabilities, float `[N, K]`, whose logits nobody knows."""
    # float32 has nothing nearer to 0, and of what it took for 0 there is no logarithm.
    logs = shares.clamp_min(torch.finfo(torch.float32).smallest_normal).double().log()
    return replace(tested_confidence(source, logs, labels, 1.0, is_rejected), before=None)


def confidence_figures(
    logits: Tensor, labels: Tensor, temperature: float = 1.0
) -> ConfidenceFigures:
    """The figures of logits `[N, K]` at a temperature for images of classes `labels`, int64 `[N]`.

    Raises `InputError` for no images and for logits that are not finite.
    """
    check_logits(logits)
    logs = (logits.double() / temperature).log_softmax(1)
    shares = logs.exp()
    confidence, predicted = shares.max(1)
    right = (predicted == labels).double()
    bins = _bins(confidence, right)
    truth = F.one_hot(labels, logits.shape[1]).double()
    risks = _risks(confidence, right)
    return ConfidenceFigures(
        images=len(labels),
        accuracy=right.mean().item(),
        nll=F.nll_loss(logs, labels).item(),
        brier=(shares - truth).square().sum(1).mean().item(),
        ece=sum(one.images * abs(one.confidence - one.accuracy) for one in bins) / len(labels),
        aurc=risks.mean().item(),
        reliability=bins,
        risks=tuple(
            risks[math.ceil(len(risks) * part / _COVERAGES) - 1].item()
            for part in range(1, _COVERAGES + 1)
        ),
    )


def _bins(confidence: Tensor, right: Tensor) -> tuple[Bin, ...]:
    """The bins ((m - 1) / 15, m / 15] that hold images."""
    places = ((confidence * _BINS).ceil().long() - 1).clamp(0, _BINS - 1)
    return tuple(
        Bin(int(here.sum()), confidence[here].mean().item(), right[here].mean().item())
        for here in (places == place for place in range(_BINS))
        if here.any()
    )


def _risks(confidence: Tensor, right: Tensor) -> Tensor:
    """The share of errors among the n most confident images, `[N]`, for n of 1 to N.

    Images of equal confidence come in any order: each counts as their mean does.
    """
    order = confidence.argsort(descending=True)
    errors = 1 - right[order]
    _, group, sizes = confidence[order].unique_consecutive(return_inverse=True, return_counts=True)
    shared = torch.zeros_like(sizes, dtype=errors.dtype).index_add_(0, group, errors) / sizes
    counted = torch.arange(1, len(errors) + 1, device=errors.device)
    risks: Tensor = shared[group].cumsum(0) / counted
    return risks
