"""Pictures for the run folder and its report: a grid of samples and the confusion matrix."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from ..base.printable import printable

MAX_ROWS = 20
# Above these, counts no longer fit into cells, and names no longer beside rows.
MAX_COUNTED_CLASSES = 20
MAX_NAMED_CLASSES = 60

_CELL = 96  # pixels, about
_GAP = 4
_MARGIN = 12
_NAME_WIDTH = 190
_INK = "#1c2126"
_FAINT = "#6b7480"


def png_bytes(image: Image.Image) -> bytes:
    """The image as a PNG file."""
    buffer = io.BytesIO()
    image.save(buffer, "png")
    return buffer.getvalue()


def sample_grid(
    images: Tensor, labels: Tensor, classes: Sequence[str], columns: int = 10
) -> Image.Image:
    """The first `columns` images of each class, a row per class with its name at the left.

    `images`: uint8 `[N, H, W, 3]`; `labels`: integers `[N]`, indices into `classes`. Small images
    are enlarged by a whole factor, so that their pixels stay what they are; large ones are reduced.
    Beyond `MAX_ROWS` classes the grid ends, and says so.
    """
    height, width = _cell_size(*images.shape[1:3])
    shown = [printable(name) for name in classes[:MAX_ROWS]]
    left = _MARGIN + max((_text_width(_clip(name)) for name in shown), default=0) + _MARGIN
    note = f"the first {len(shown)} of {len(classes)} classes" if len(shown) < len(classes) else ""
    grid = Image.new(
        "RGB",
        (
            left + columns * (width + _GAP) - _GAP + _MARGIN,
            2 * _MARGIN + len(shown) * (height + _GAP) - _GAP + (30 if note else 0),
        ),
        "white",
    )
    pen = ImageDraw.Draw(grid)
    for row, name in enumerate(shown):
        top = _MARGIN + row * (height + _GAP)
        anchor = (left - _MARGIN, top + height // 2)
        pen.text(anchor, _clip(name), fill=_INK, font=_font(), anchor="rm")
        members = (labels == row).nonzero()[:columns, 0].tolist()
        for column, index in enumerate(members):
            grid.paste(enlarged(images[index]), (left + column * (width + _GAP), top))
        if not members:
            pen.text((left, top + height // 2), "no image", fill=_FAINT, font=_font(), anchor="lm")
    if note:
        pen.text((left, grid.height - _MARGIN), note, fill=_FAINT, font=_font(), anchor="ls")
    return grid


def enlarged(image: Tensor) -> Image.Image:
    """An image, uint8 `[H, W, 3]`, at the size that grids show it; see `sample_grid`."""
    height, width = _cell_size(*image.shape[:2])
    return Image.fromarray(image.cpu().numpy()).resize((width, height), _filter(image[None]))


def confusion_picture(confusion: Tensor, classes: Sequence[str]) -> Image.Image:
    """Confusion matrix, int64 `[K, K]` with true classes as rows, coloured by each row's shares.

    Cells carry their counts up to `MAX_COUNTED_CLASSES` classes; axes carry class names up to
    `MAX_NAMED_CLASSES` and label numbers beyond.
    """
    counts = confusion.cpu().numpy()
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    side = float(np.clip(2.6 + 0.58 * len(classes), 4.5, 13))
    figure = Figure(figsize=(side + 0.9, side), dpi=120, layout="constrained")
    axes = figure.add_subplot()
    picture = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
    axes.set_xlabel("predicted class", color=_INK, labelpad=8)
    axes.set_ylabel("true class", color=_INK, labelpad=8)
    if len(classes) <= MAX_NAMED_CLASSES:
        size = 9 if len(classes) <= MAX_COUNTED_CLASSES else 7
        ticks = range(len(classes))
        names = [_clip(printable(name)) for name in classes]
        # A class name may hold dollar signs, which are no formula here.
        axes.set_yticks(ticks, names, fontsize=size, parse_math=False)
        axes.set_xticks(
            ticks, names, fontsize=size, parse_math=False, rotation=45, ha="right",
            rotation_mode="anchor",
        )  # fmt: skip
    if len(classes) <= MAX_COUNTED_CLASSES:
        for row, column in np.argwhere(counts):
            ink = "white" if shares[row, column] > 0.5 else _INK
            text = str(counts[row, column])
            axes.text(column, row, text, ha="center", va="center", fontsize=8, color=ink)
    axes.tick_params(length=0, colors=_INK)
    axes.spines[:].set_visible(False)
    bar = figure.colorbar(picture, shrink=0.6, aspect=28, pad=0.02, ticks=[0, 0.5, 1])
    bar.ax.set_yticklabels(["0 %", "50 %", "100 %"], fontsize=8)
    bar.ax.tick_params(length=0, colors=_FAINT)
    bar.set_label("share of the true class", fontsize=8, color=_FAINT)
    bar.outline.set_visible(False)
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # Scripts that the font lacks show as boxes; the report's tables hold the names.
        warnings.filterwarnings("ignore", "Glyph .* missing")
        figure.savefig(buffer, format="png", facecolor="white")
    return Image.open(buffer).convert("RGB")


def _cell_size(height: int, width: int) -> tuple[int, int]:
    longest = max(height, width)
    if longest > _CELL * 3 // 2:
        return max(1, height * _CELL // longest), max(1, width * _CELL // longest)
    factor = max(1, round(_CELL / longest))
    return height * factor, width * factor


def _filter(images: Tensor) -> Image.Resampling:
    enlarged = max(images.shape[1:3]) <= _CELL
    return Image.Resampling.NEAREST if enlarged else Image.Resampling.LANCZOS


@cache
def _font() -> ImageFont.FreeTypeFont:
    # DejaVu comes with matplotlib and covers Latin, Greek, Cyrillic and more.
    return ImageFont.truetype(Path(matplotlib.get_data_path(), "fonts/ttf/DejaVuSans.ttf"), 18)


def _text_width(text: str) -> int:
    return int(_font().getlength(text)) + 1


def _clip(name: str) -> str:
    """The name, its end cut off where it is wider than the names' column."""
    if _text_width(name) <= _NAME_WIDTH:
        return name
    while name and _text_width(name + "…") > _NAME_WIDTH:
        name = name[:-1]
    return name.rstrip() + "…"
