"""Pictures in a terminal: two pixels a character, by the upper half block and 24-bit colours."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.color import Color
from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.style import Style

if TYPE_CHECKING:
    from PIL.Image import Image

_UPPER_HALF = "▀"
_LARGEST, _LEAST = 32, 8  # columns of a picture


class PictureRow:
    """Pictures side by side, as many as fit; nothing where the output is no terminal.

    Where all of them fit only when they are small, they are reduced, down to `_LEAST` columns.
    """

    def __init__(self, images: Sequence[Image], gap: int = 1) -> None:
        self._images, self._gap = images, gap

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        colours = console.is_terminal and console.color_system is not None
        if not self._images or not colours or options.ascii_only:
            return
        columns = self._columns(options.max_width)
        fitting = max(1, (options.max_width + self._gap) // (columns + self._gap))
        yield from self._lines([_reduced(image, columns) for image in self._images[:fitting]])

    def _columns(self, width: int) -> int:
        share = (width + self._gap) // len(self._images) - self._gap
        largest = max(image.width for image in self._images)
        return max(1, min(width, largest, _LARGEST, max(share, _LEAST)))

    def _lines(self, images: Sequence[Image]) -> Iterator[Segment]:
        for top in range(0, max(image.height for image in images), 2):
            for number, image in enumerate(images):
                if number:
                    yield Segment(" " * self._gap)
                yield from (_cell(image, x, top) for x in range(image.width))
            yield Segment.line()


def _reduced(image: Image, columns: int) -> Image:
    """The picture at that width, its height even: a character is two pixels high."""
    height = max(2, round(image.height * columns / image.width / 2) * 2)
    return image.convert("RGB").resize((columns, height))


def _cell(image: Image, x: int, top: int) -> Segment:
    if top >= image.height:
        return Segment(" ")
    upper, lower = (_colour(image, x, top + row) for row in (0, 1))
    return Segment(_UPPER_HALF, Style(color=upper, bgcolor=lower))


def _colour(image: Image, x: int, y: int) -> Color:
    pixel = image.getpixel((x, y))
    assert isinstance(pixel, tuple)
    return Color.from_rgb(*pixel[:3])
