"""Marks that say nothing of the class, pasted into a corner: a logo, and a label with text."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from ..corruptions.draws import draws_of

_FINE = 8  # drawn so many times larger, then reduced
_LOGO, _LABEL = (0.25, 0.25), (0.56, 0.22)  # width and height, as shares of the side
_RED, _WHITE, _BLACK = (200, 30, 40, 255), (255, 255, 255, 255), (0, 0, 0, 255)
_TEXT = "SALE"


def marked(images: Tensor, name: str, seed: int, indices: Tensor) -> Tensor:
    """Images, uint8 `[B, S, S, 3]`, with a mark in a corner that is drawn for each.

    `name` is one of `MARKS`; seed and `indices`, int64 `[B]`, decide the corner: see `draws_of`.
    """
    canvases = _canvases(name, images.shape[1]).to(images.device)
    corners = draws_of(seed, f"mark {name}", indices).uniform((), 0).mul(4).long()
    layer = canvases[corners].float()
    opacity = layer[..., 3:] / 255
    mixed = images * (1 - opacity) + layer[..., :3] * opacity
    return mixed.round().to(torch.uint8)


@functools.cache
def _canvases(name: str, side: int) -> Tensor:
    """The mark in each of the corners of a clear picture: uint8 `[4, S, S, 4]`, RGBA."""
    (across, down), draw = MARKS[name]
    width, height = max(2, round(across * side)), max(2, round(down * side))
    mark = draw(width * _FINE, height * _FINE).resize((width, height), Image.Resampling.BOX)
    edge = max(1, side // 32)
    places = [
        (left, top) for top in (edge, side - edge - height) for left in (edge, side - edge - width)
    ]
    found = []
    for place in places:
        canvas = Image.new("RGBA", (side, side), (0, 0, 0, 0))
        canvas.paste(mark, place)
        found.append(np.array(canvas))
    return torch.from_numpy(np.stack(found))


def _logo(width: int, height: int) -> Image.Image:
    """A red disc with a white ring and a white bar."""
    picture = Image.new("RGBA", (width, height), (*_RED[:3], 0))
    pen = ImageDraw.Draw(picture)
    pen.ellipse((0, 0, width - 1, height - 1), fill=_RED)
    inset, thick = width // 8, max(1, width // 10)
    pen.ellipse((inset, inset, width - 1 - inset, height - 1 - inset), outline=_WHITE, width=thick)
    pen.rectangle((width // 4, height * 2 // 5, width * 3 // 4, height * 3 // 5), fill=_WHITE)
    return picture


def _label(width: int, height: int) -> Image.Image:
    """Black letters on a white ground, as wide as it."""
    letters = Image.new("RGBA", (width * 2, height * 2), _WHITE)
    pen, font = ImageDraw.Draw(letters), ImageFont.load_default(size=height)
    box = pen.textbbox((0, 0), _TEXT, font=font)
    pen.text((-box[0], -box[1]), _TEXT, fill=_BLACK, font=font)
    cut = letters.crop((0, 0, round(box[2] - box[0]), round(box[3] - box[1])))
    picture, margin = Image.new("RGBA", (width, height), _WHITE), height // 8
    picture.paste(cut.resize((width - 2 * margin, height - 2 * margin)), (margin, margin))
    return picture


Draw = Callable[[int, int], Image.Image]
MARKS: Mapping[str, tuple[tuple[float, float], Draw]] = {
    "logo": (_LOGO, _logo),
    "text": (_LABEL, _label),
}
"""By name: width and height, and what draws it."""
