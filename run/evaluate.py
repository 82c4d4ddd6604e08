"""Testing a finished run, or what was deployed of it, on other data."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from ..base import resolve_device
from ..data.real import load_real_images
from ..data.settings import ReadSettings
from ..data.source import LabelledImages
from ..train.classifier.confidence import TestedConfidence, tested_probabilities
from ..train.classifier.evaluate import Evaluation, counted
from ..train.classifier.saved import SavedClassifier, load_classifier
from .calibration.file import Calibration, read_calibration
from .decide.decider import Decider
from .decide.settings import DecideSettings
from .judge import Judge, judge_of, load_judge, names_file
from .report.summary import TestFigures, test_figures

_AS_STORED = ReadSettings()
_LIKELIEST = DecideSettings()

_Answers = tuple[Tensor, Tensor, TestedConfidence | None]
"""Logits or probabilities, and probabilities, `[N, K]`; how far these can be trusted."""


def evaluate_run(
    run: str | Path,
    data: str | Path,
    device: str = "auto",
    reading: ReadSettings = _AS_STORED,
    decide: DecideSettings = _LIKELIEST,
) -> TestFigures:
    """Test a classifier on real images, and its probabilities where it is calibrated.

    `run` is the folder of a finished run, or a file that was deployed of one, ONNX or OpenVINO.
    What `decide` puts in place of the likeliest class makes no difference to its probabilities.
    Images of classes that only a label metric has can be there too; then these are not tested.
    """
    path = Path(run)
    saved = calibration = None
    if names_file(path):
        judge = load_judge(path, device)
    else:
        saved = load_classifier(path, resolve_device(device))
        calibration = read_calibration(path)
        judge = judge_of(saved, calibration)
    decider = Decider(decide, judge.classes, judge.prompts, device, judge.features)
    aliases = list(zip(judge.prompts, judge.classes, strict=True))
    real = load_real_images(data, decider.labels, judge.image_size, aliases, reading)
    if saved is None:
        scores, shares, confidence = _of_file(judge, real)
    else:
        scores, shares, confidence = _of_run(saved, calibration, real)
    if decider.is_plain:
        counts = counted(scores, real.labels, len(judge.classes))
        figures = test_figures(counts, real.source, judge.classes)
    else:
        figures = _decided(decider, judge, shares, real)
    return replace(figures, confidence=confidence)


def _of_run(
    saved: SavedClassifier, calibration: Calibration | None, real: LabelledImages
) -> _Answers:
    logits = saved.logits(real.images)
    if calibration is None:
        return logits, logits.softmax(1), None
    confidence = None
    if _are_known(real, logits):
        confidence = calibration.tested(real.source, logits, real.labels)
    return logits, calibration.probabilities(logits), confidence


def _of_file(judge: Judge, real: LabelledImages) -> _Answers:
    shares, rejected = judge.judge(real.images)
    if None in rejected or not _are_known(real, shares):
        return shares, shares, None
    is_rejected = torch.tensor(rejected)
    tested = tested_probabilities(real.source, shares, real.labels, is_rejected)
    return shares, shares, tested


def _are_known(real: LabelledImages, scores: Tensor) -> bool:
    """Whether all images are of the classifier's classes."""
    return int(real.labels.max()) < scores.shape[1]


def _decided(decider: Decider, judge: Judge, shares: Tensor, real: LabelledImages) -> TestFigures:
    steps = list(decider.steps(shares, decider.features(real.images)))
    decided = steps[-1].decided
    # A tree may have many more classes than there are images.
    own = torch.arange(len(judge.classes))
    used = torch.cat([own, real.labels, decided]).unique()
    rows, columns = (torch.searchsorted(used, labels) for labels in (real.labels, decided))
    count = len(used)
    confusion = torch.bincount(rows * count + columns, minlength=count**2).view(count, count)
    names = tuple(decider.labels[label] for label in used.tolist())
    figures = test_figures(Evaluation(confusion), real.source, names)
    chance = 1 / len(decider.labels)
    return replace(figures, chance=chance, deciding=decider.figures(steps, real.labels))
