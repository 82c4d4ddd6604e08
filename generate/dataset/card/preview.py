"""Pages of images: a preview before a run, and a contact sheet of the latest during it."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from PIL import Image

from ....report.page import data_uri, duration, memory, page
from ....report.pictures import png_bytes
from .licence import Licence

_TEMPLATE = Path(__file__).with_name("preview.html.j2")
_LARGEST = 192  # pixels of a tile's side
_REFRESH = 60  # seconds


@dataclass(frozen=True)
class Tile:
    """An image, and what it was made from."""

    image: Image.Image
    index: int
    label: int
    class_name: str
    prompt: str
    guidance: float
    seed: int


@dataclass(frozen=True)
class Estimate:
    """What a dataset will take, from seconds of measuring."""

    images: int
    images_per_second: float
    """Of all devices together."""
    bytes_per_image: float
    """On disk, with its share of tables."""
    free_bytes: int | None
    """Where the dataset goes; None where that cannot be told."""

    @property
    def seconds(self) -> float:
        """Until all is made."""
        return self.images / self.images_per_second

    @property
    def bytes(self) -> int:
        """Of all files."""
        return round(self.images * self.bytes_per_image)

    @property
    def fits(self) -> bool:
        """Whether the disk has room, as far as is known."""
        return self.free_bytes is None or self.bytes <= self.free_bytes

    def facts(self) -> dict[str, str]:
        """In words, for a page or a table."""
        free = "not known" if self.free_bytes is None else memory(self.free_bytes)
        return {
            "images in all": f"{self.images:,}",
            "images a second": f"{self.images_per_second:,.1f}",
            "time in all": duration(self.seconds),
            "disk needed": memory(self.bytes),
            "disk free": free if self.fits else f"{free}: too little",
        }


def contact_sheet(tiles: Iterable[Tile], title: str, facts: Mapping[str, str]) -> bytes:
    """A page of the latest images, which a browser loads again every minute."""
    return _page(tiles, title, facts, kicker="zeroreal: the latest images", refresh=_REFRESH)


def preview_page(
    tiles: Iterable[Tile],
    title: str,
    estimate: Estimate,
    licence: Licence,
    facts: Mapping[str, str] | None = None,
) -> bytes:
    """A page of some images of each class, with what all of them would take."""
    told = {**estimate.facts(), **(facts or {})}
    return _page(tiles, title, told, kicker="zeroreal: preview", licence=licence)


def _page(
    tiles: Iterable[Tile],
    title: str,
    facts: Mapping[str, str],
    *,
    kicker: str,
    refresh: int | None = None,
    licence: Licence | None = None,
) -> bytes:
    ordered = sorted(tiles, key=lambda tile: (tile.label, tile.index))
    groups = groupby(ordered, key=lambda tile: (tile.label, tile.class_name))
    content = {
        "title": title,
        "kicker": kicker,
        "refresh": refresh,
        "facts": facts,
        "licence": licence,
        "classes": [(name, _shown(list(members))) for (_, name), members in groups],
    }
    return page(_TEMPLATE, content)


def _shown(tiles: Sequence[Tile]) -> list[dict[str, Any]]:
    return [
        {"tile": tile, "address": _address(tile.image), "small": _is_small(tile.image)}
        for tile in tiles
    ]


def _is_small(image: Image.Image) -> bool:
    return max(image.size) <= _LARGEST // 2


def _address(image: Image.Image) -> str:
    """Small images as they are; large ones reduced and as JPEG, which is a tenth of PNG."""
    if _is_small(image):
        return data_uri(png_bytes(image))
    reduced = image.convert("RGB")
    reduced.thumbnail((_LARGEST, _LARGEST))
    buffer = io.BytesIO()
    reduced.save(buffer, "jpeg", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
