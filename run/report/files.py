"""The files of a run for people: pictures, report and metrics."""

from __future__ import annotations

from pathlib import Path

import torch
from PIL import Image

from ...base.files import write_atomically
from ...report.pictures import confusion_picture, png_bytes, sample_grid
from ..parts import Parts
from .page import write_report
from .summary import METRICS, RunSummary

_COLUMNS = 10


def write_report_files(parts: Parts, folder: Path, summary: RunSummary) -> None:
    """Write pictures, report and metrics of a finished run."""
    pictures = {"samples": png_bytes(_grid(parts))}
    if summary.test is not None:
        confusion = torch.tensor(summary.test.confusion)
        pictures["confusion"] = png_bytes(confusion_picture(confusion, parts.names))
    for name, picture in pictures.items():
        write_atomically(folder / f"{name}.png", picture)
    write_report(folder / "report.html", summary, pictures)
    # Last, because its presence says that the run is finished.
    write_atomically(folder / METRICS, summary.text().encode())


def write_samples(parts: Parts, folder: Path) -> None:
    """Write the picture of an unfinished run's images, if there are any."""
    if parts.feed.written:
        write_atomically(folder / "samples.png", png_bytes(_grid(parts)))


def _grid(parts: Parts) -> Image.Image:
    images, labels, _ = parts.pool.written(_COLUMNS * len(parts.names))
    return sample_grid(images, labels, parts.names)
