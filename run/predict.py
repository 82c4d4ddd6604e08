"""Predicting image files by a finished run, or by what was deployed of it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..base import InputError
from ..base.files import write_atomically
from ..base.printable import text_cell
from ..data.decode import decode_all
from ..data.folders import is_image
from ..data.named import named_files
from ..data.walk import walk
from .decide.decider import Decider
from .decide.settings import DecideSettings
from .judge import Judge, load_judge

_LIKELIEST = DecideSettings()
_AT_ONCE = 256  # images held at the classifier's size
_KINDS = (".csv", ".json")


@dataclass(frozen=True)
class Prediction:
    """The class of an image file and its probability, or why there is none."""

    path: str
    class_name: str | None
    probability: float | None
    """None of a class that only a label metric has."""
    error: str | None = None
    """What is wrong with the file; None where nothing is."""
    rejected: bool | None = None
    """Whether it seems to be none of the classes; None of a run that is not calibrated."""
    decided_by: str | None = None
    """What the class rests on where it is not the likeliest of this image by itself."""


def predict_files(
    run: str | Path,
    sources: Sequence[str | Path],
    device: str = "auto",
    max_image_pixels: int | None = None,
    decide: DecideSettings = _LIKELIEST,
) -> list[Prediction]:
    """Classify images with a run's classifier; those that cannot be read are left without a class.

    Where the run is calibrated, probabilities are those of its temperature, and images below its
    threshold are rejected.

    Args:
        run: the folder of a finished run, or an ONNX or OpenVINO file that was deployed of one.
        sources: image files, folders of them, however deep, or patterns such as `photos/*.jpg`.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        max_image_pixels: the most that is opened; None: the usual limit.
        decide: what takes the place of the likeliest class.

    Raises `InputError` for a run that cannot be used, and for a source that names no image.
    """
    judge = load_judge(Path(run), device)
    decider = Decider(decide, judge.classes, judge.prompts, device, judge.features)
    paths = [str(path) for source in sources for path in _images(source)]
    looked = [
        _look(judge, decider, paths[begin : begin + _AT_ONCE], max_image_pixels)
        for begin in range(0, len(paths), _AT_ONCE)
    ]
    return list(_predictions(judge, decider, paths, looked))


def check_table(path: Path) -> None:
    """Raise `InputError` unless predictions can be written to `path`."""
    if path.suffix.lower() not in _KINDS:
        raise InputError(f"predictions cannot be written as {str(path)!r}: name it .csv or .json")
    if not path.parent.is_dir():
        raise InputError(f"folder {str(path.parent)!r} does not exist: make it first")


def write_predictions(path: Path, predictions: Sequence[Prediction]) -> None:
    """Write predictions as CSV with a header or as a JSON list, by the suffix of `path`.

    Each has `path`, `class_name`, `probability`, `error`, of a calibrated run `rejected`, and
    `decided_by` where that is not the likeliest class; in CSV, what is not there is empty.
    Raises `InputError` for another suffix and a folder that is absent.
    """
    check_table(path)
    names = [one.name for one in fields(Prediction)]
    for name in ("rejected", "decided_by"):
        if all(getattr(one, name) is None for one in predictions):
            names.remove(name)
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


@dataclass(frozen=True)
class _Looked:
    """What the classifier makes of some files."""

    kept: NDArray[np.bool_]
    """Which of the files could be read; the rest is of these."""
    errors: Sequence[str]
    """Of the others, in order."""
    shares: Tensor
    """Probabilities `[N, K]`."""
    rejected: Sequence[bool | None]
    features: Tensor | None


def _look(judge: Judge, decider: Decider, paths: Sequence[str], max_pixels: int | None) -> _Looked:
    pictures = ((Path(path), path) for path in paths)
    read = decode_all(pictures, len(paths), judge.image_size, max_pixels, skip_unreadable=True)
    if not len(read.images):
        return _Looked(read.kept, read.unreadable, torch.empty(0, len(judge.classes)), [], None)
    shares, rejected = judge.judge(read.images)
    features = decider.features(read.images)
    return _Looked(read.kept, read.unreadable, shares, rejected, features)


def _predictions(
    judge: Judge, decider: Decider, paths: Sequence[str], looked: Sequence[_Looked]
) -> Iterator[Prediction]:
    """One for each of `paths`, in order."""
    found = iter(_decided(judge, decider, looked))
    errors = chain.from_iterable(part.errors for part in looked)
    kept = chain.from_iterable(part.kept for part in looked)
    for path, is_read in zip(paths, kept, strict=True):
        yield (
            Prediction(path, *next(found))
            if is_read
            else Prediction(path, None, None, next(errors))
        )


def _decided(
    judge: Judge, decider: Decider, looked: Sequence[_Looked]
) -> Iterator[tuple[str, float | None, None, bool | None, str | None]]:
    """What `Prediction` has of each image that was read, after its path."""
    shares = torch.cat([part.shares for part in looked])
    if not len(shares):
        return
    features = [part.features for part in looked if part.features is not None]
    *_, step = decider.steps(shares, torch.cat(features) if features else None)
    labels = step.decided.tolist()
    note = None if decider.is_plain else decider.note(len(labels))
    rejected = chain.from_iterable(part.rejected for part in looked)
    for row, (label, is_rejected) in enumerate(zip(labels, rejected, strict=True)):
        share = step.shares[row, label].item() if label < len(judge.classes) else None
        yield decider.labels[label], share, None, is_rejected, note
