"""Using a finished run, or what was deployed of it: testing on other data, predicting images."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import torch
from torch import Tensor

from ..base import InputError, resolve_device
from ..base.files import write_atomically
from ..base.printable import text_cell
from ..data.decode import decode_all
from ..data.folders import is_image
from ..data.named import named_files
from ..data.real import load_real_images
from ..data.settings import ReadSettings
from ..data.source import LabelledImages
from ..data.walk import walk
from ..train.classifier.confidence import tested_probabilities
from ..train.classifier.evaluate import counted
from ..train.classifier.saved import ClassifierCard, load_classifier
from .calibration.file import read_calibration
from .judge import Judge, load_judge, names_file
from .report.summary import TestFigures, test_figures

_AS_STORED = ReadSettings()
_AT_ONCE = 256  # images held at the classifier's size
_KINDS = (".csv", ".json")


@dataclass(frozen=True)
class Prediction:
    """The likeliest class of an image file and its probability, or why there is none."""

    path: str
    class_name: str | None
    probability: float | None
    error: str | None = None
    """What is wrong with the file; None where nothing is."""
    rejected: bool | None = None
    """Whether it seems to be none of the classes; None of a run that is not calibrated."""


def evaluate_run(
    run: str | Path,
    data: str | Path,
    device: str = "auto",
    reading: ReadSettings = _AS_STORED,
) -> TestFigures:
    """Test a classifier on real images, and its probabilities where it is calibrated.

    `run` is the folder of a finished run, or a file that was deployed of one, ONNX or OpenVINO.
    """
    path = Path(run)
    if names_file(path):
        return _evaluate_file(load_judge(path, device), data, reading)
    saved = load_classifier(path, resolve_device(device))
    calibration = read_calibration(path)
    real = _real_images(saved.card, data, reading)
    logits = saved.logits(real.images)
    figures = _figures(logits, real, saved.card.classes)
    if calibration is None:
        return figures
    return replace(figures, confidence=calibration.tested(real.source, logits, real.labels))


def predict_files(
    run: str | Path,
    sources: Sequence[str | Path],
    device: str = "auto",
    max_image_pixels: int | None = None,
) -> list[Prediction]:
    """Classify images with a run's classifier; those that cannot be read are left without a class.

    Where the run is calibrated, probabilities are those of its temperature, and images below its
    threshold are rejected.

    Args:
        run: the folder of a finished run, or an ONNX or OpenVINO file that was deployed of one.
        sources: image files, folders of them, however deep, or patterns such as `photos/*.jpg`.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        max_image_pixels: the most that is opened; None: the usual limit.

    Raises `InputError` for a run that cannot be used, and for a source that names no image.
    """
    judge = load_judge(Path(run), device)
    paths = [str(path) for source in sources for path in _images(source)]
    return [
        found
        for begin in range(0, len(paths), _AT_ONCE)
        for found in _predictions(judge, paths[begin : begin + _AT_ONCE], max_image_pixels)
    ]


def check_table(path: Path) -> None:
    """Raise `InputError` unless predictions can be written to `path`."""
    if path.suffix.lower() not in _KINDS:
        raise InputError(f"predictions cannot be written as {str(path)!r}: name it .csv or .json")
    if not path.parent.is_dir():
        raise InputError(f"folder {str(path.parent)!r} does not exist: make it first")


def write_predictions(path: Path, predictions: Sequence[Prediction]) -> None:
    """Write predictions as CSV with a header or as a JSON list, by the suffix of `path`.

    Each has `path`, `class_name`, `probability`, `error` and, of a calibrated run, `rejected`; in
    CSV, what is not there is empty.
    Raises `InputError` for another suffix and a folder that is absent.
    """
    check_table(path)
    names = [one.name for one in fields(Prediction)]
    if all(one.rejected is None for one in predictions):
        names.remove("rejected")
    rows = [{name: getattr(one, name) for name in names} for one in predictions]
    if path.suffix.lower() == ".json":
        content = json.dumps(rows, indent=1) + "\n"
    else:
        table = io.StringIO(newline="")
        writer = csv.DictWriter(table, names)
        writer.writeheader()
        for row in rows:
            writer.writerow({name: text_cell(value) for name, value in row.items()})
        content = table.getvalue()
    # Names of files need not be UTF-8.
    write_atomically(path, content.encode(errors="surrogateescape"))


def _evaluate_file(judge: Judge, data: str | Path, reading: ReadSettings) -> TestFigures:
    real = _real_images(judge, data, reading)
    shares, rejected = judge.judge(real.images)
    figures = _figures(shares, real, judge.classes)
    if None in rejected:
        return figures
    is_rejected = torch.tensor(rejected)
    tested = tested_probabilities(real.source, shares, real.labels, is_rejected)
    return replace(figures, confidence=tested)


def _real_images(
    card: ClassifierCard | Judge, data: str | Path, reading: ReadSettings
) -> LabelledImages:
    """The images of `data` whose classes, or what prompts call them, are the classifier's."""
    aliases = list(zip(card.prompts, card.classes, strict=True))
    return load_real_images(data, card.classes, card.image_size, aliases, reading)


def _figures(scores: Tensor, real: LabelledImages, classes: tuple[str, ...]) -> TestFigures:
    """Of logits or probabilities `[N, K]`."""
    return test_figures(counted(scores, real.labels, len(classes)), real.source, classes)


def _images(source: str | Path) -> list[Path]:
    """The images that somebody named; a single file is taken for one, whatever it is called."""
    path = Path(source)
    if path.is_dir():
        images = [file for file in walk(path).files if is_image(file)]
        if not images:
            raise InputError(f"{str(source)!r} holds no images: give a folder that does")
        return images
    files = named_files(str(source))
    if not files:
        raise InputError(f"{str(source)!r} does not exist: give an image, a folder or a pattern")
    return files


def _predictions(
    judge: Judge, paths: Sequence[str], max_pixels: int | None
) -> Iterator[Prediction]:
    """One for each of `paths`, in order."""
    pictures = ((Path(path), path) for path in paths)
    read = decode_all(pictures, len(paths), judge.image_size, max_pixels, skip_unreadable=True)
    errors, found = iter(read.unreadable), iter(_likeliest(judge, read.images))
    for path, is_read in zip(paths, read.kept, strict=True):
        yield (
            Prediction(path, *next(found))
            if is_read
            else Prediction(path, None, None, next(errors))
        )


def _likeliest(judge: Judge, images: Tensor) -> list[tuple[str, float, None, bool | None]]:
    """What `Prediction` has of each image after its path."""
    if not len(images):
        return []
    shares, rejected = judge.judge(images)
    best, rows = shares.max(1)
    return [
        (judge.classes[row], share, None, is_rejected)
        for row, share, is_rejected in zip(rows.tolist(), best.tolist(), rejected, strict=True)
    ]
