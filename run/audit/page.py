"""The page of an audit: one HTML file that holds everything and loads nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from ...base.files import write_atomically
from ...report.page import data_uri, page
from ...report.pictures import png_bytes, sample_grid
from .result import AuditResult

PAGE = "audit.html"
_TEMPLATE = Path(__file__).with_name("audit.html.j2")
_COLUMNS = 8
_MOST_WORDS = 40  # classes in the table of agreement


@dataclass(frozen=True)
class AuditPictures:
    """What a candidate's images look like."""

    grid: bytes
    """A PNG file."""

    @classmethod
    def of(cls, images: Tensor, labels: Tensor, names: Sequence[str]) -> AuditPictures:
        """Of uint8 images `[N, S, S, 3]`."""
        return cls(png_bytes(sample_grid(images, labels, names, _COLUMNS)))


def write_page(result: AuditResult, pictures: Mapping[str, AuditPictures]) -> Path:
    """Write the page of an audit into its folder."""
    covered = [one.equal_time.coverage for one in result.candidates if one.equal_time is not None]
    content = {
        "audit": result,
        "best": result.best,
        "most": max([*covered, 1e-9]),
        "is_compared": result.reference is not None,
        "is_trained": any(one.accuracies for one in result.candidates),
        "shown_classes": list(enumerate(result.classes))[:_MOST_WORDS],
        "pictures": {name: data_uri(one.grid) for name, one in pictures.items()},
    }
    path = result.folder / PAGE
    write_atomically(path, page(_TEMPLATE, content))
    return path
