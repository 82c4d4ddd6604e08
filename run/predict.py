"""Using a finished run, or what was deployed of it: testing on other data, predicting images."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Protocol

from torch import Tensor

from ..base import InputError, resolve_device
from ..base.files import write_atomically
from ..base.printable import text_cell
from ..base.reading import is_file
from ..data.decode import decode_all
from ..data.folders import is_image
from ..data.named import named_files
from ..data.real import load_real_images
from ..data.settings import ReadSettings
from ..data.walk import walk
from ..export.classifier.deployed import load_deployed
from ..train.classifier.evaluate import evaluate
from ..train.classifier.saved import load_classifier
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


def evaluate_run(
    run: str | Path,
    data: str | Path,
    device: str = "auto",
    reading: ReadSettings = _AS_STORED,
) -> TestFigures:
    """Test a run's classifier on real images."""
    target = resolve_device(device)
    saved = load_classifier(Path(run), target)
    card = saved.card
    aliases = list(zip(card.prompts, card.classes, strict=True))
    real = load_real_images(data, card.classes, card.image_size, aliases, reading)
    size = card.image_size
    result = evaluate(saved.model, real.images, real.labels, len(card.classes), target, size)
    return test_figures(result, real.source, card.classes)


def predict_files(
    run: str | Path,
    sources: Sequence[str | Path],
    device: str = "auto",
    max_image_pixels: int | None = None,
) -> list[Prediction]:
    """Classify images with a run's classifier; those that cannot be read are left without a class.

    Args:
        run: the folder of a finished run, or an ONNX file that was deployed of one.
        sources: image files, folders of them, however deep, or patterns such as `photos/*.jpg`.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        max_image_pixels: the most that is opened; None: the usual limit.

    Raises `InputError` for a run that cannot be used, and for a source that names no image.
    """
    saved = _load(Path(run), device)
    paths = [str(path) for source in sources for path in _images(source)]
    return [
        found
        for begin in range(0, len(paths), _AT_ONCE)
        for found in _predictions(saved, paths[begin : begin + _AT_ONCE], max_image_pixels)
    ]


def check_table(path: Path) -> None:
    """Raise `InputError` unless predictions can be written to `path`."""
    if path.suffix.lower() not in _KINDS:
        raise InputError(f"predictions cannot be written as {str(path)!r}: name it .csv or .json")
    if not path.parent.is_dir():
        raise InputError(f"folder {str(path.parent)!r} does not exist: make it first")


def write_predictions(path: Path, predictions: Sequence[Prediction]) -> None:
    """Write predictions as CSV with a header or as a JSON list, by the suffix of `path`.

    Each has `path`, `class_name`, `probability` and `error`; in CSV, what is not there is empty.
    Raises `InputError` for another suffix and a folder that is absent.
    """
    check_table(path)
    if path.suffix.lower() == ".json":
        content = json.dumps([asdict(one) for one in predictions], indent=1) + "\n"
    else:
        table = io.StringIO(newline="")
        writer = csv.DictWriter(table, [one.name for one in fields(Prediction)])
        writer.writeheader()
        for one in predictions:
            writer.writerow({name: text_cell(value) for name, value in asdict(one).items()})
        content = table.getvalue()
    # Names of files need not be UTF-8.
    write_atomically(path, content.encode(errors="surrogateescape"))


class _Card(Protocol):
    @property
    def classes(self) -> tuple[str, ...]: ...
    @property
    def image_size(self) -> int: ...


class _Classifier(Protocol):
    """A run's classifier, or a file's."""

    @property
    def card(self) -> _Card: ...
    def predict(self, images: Tensor) -> Tensor: ...


def _load(path: Path, device: str) -> _Classifier:
    """The classifier of a run's folder, or of a file."""
    suffix = path.suffix.lower()
    if suffix == ".onnx" and not path.is_dir():
        return load_deployed(path, "cpu" if device == "auto" else resolve_device(device).type)
    if not is_file(path, "model"):
        return load_classifier(path, resolve_device(device))
    if suffix == ".pt2":
        raise InputError(
            f"{str(path)!r} is a program of torch.export, and loading one runs whatever it holds: "
            "give the .onnx file or the run that it was made from"
        )
    raise InputError(
        f"{str(path)!r} is no run's folder: give one, or an .onnx file that zeroreal deploy wrote"
    )


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
    saved: _Classifier, paths: Sequence[str], max_pixels: int | None
) -> Iterator[Prediction]:
    """One for each of `paths`, in order."""
    pictures = ((Path(path), path) for path in paths)
    read = decode_all(pictures, len(paths), saved.card.image_size, max_pixels, skip_unreadable=True)
    errors, found = iter(read.unreadable), iter(_likeliest(saved, read.images))
    for path, is_read in zip(paths, read.kept, strict=True):
        yield (
            Prediction(path, *next(found))
            if is_read
            else Prediction(path, None, None, next(errors))
        )


def _likeliest(saved: _Classifier, images: Tensor) -> list[tuple[str, float]]:
    """Class and probability of each image."""
    if not len(images):
        return []
    best, rows = saved.predict(images).max(1)
    names = [saved.card.classes[row] for row in rows.tolist()]
    return list(zip(names, best.tolist(), strict=True))
