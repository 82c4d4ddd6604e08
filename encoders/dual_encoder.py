"""Dual encoders: models that embed images and texts in one space, whatever library they are of."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..base.errors import InputError
from .image_encoder import ImageEncoder

_log = logging.getLogger(__name__)

_BATCH = 256
_PIXELS_ON_CPU = 32 * 224**2
"""Of a batch: larger ones of large images leave the caches."""


@dataclass(frozen=True)
class Towers:
    """What a library's model does, on its device: no vector is of unit length yet."""

    kind: str
    """Such as `clip`, as its library calls it."""
    embed_images: ImageEncoder
    embed_texts: Callable[[Sequence[str]], Tensor]
    """Texts to `[N, D]`; what is beyond the context is cut off."""
    count_tokens: Callable[[Sequence[str]], list[int]]
    """How many tokens each text has, with those at its ends."""
    context_length: int
    """Most tokens of a text."""
    image_size: int
    """Side in pixels of what the image encoder sees."""
    scale: float
    bias: float
    dtype: torch.dtype
    """What it computes in."""
    is_sigmoid: bool
    """Whether it was trained to tell each pair by itself (SigLIP, arXiv 2303.15343)."""


def best_batch(image_size: int, device: torch.device) -> int:
    """How many images of `image_size` pixels a side to take at once."""
    if device.type != "cpu":
        return _BATCH
    return max(1, min(_BATCH, _PIXELS_ON_CPU // image_size**2))


class DualEncoder:
    """Images and texts as unit vectors, whose cosine says how well they match.

    `load_encoder` makes one.

    Args:
        name: what the user calls it, for messages.
        towers: the model.
        device: where it computes.

    Attributes:
        dimension: of the vectors.
        image_size: side in pixels of what the model sees; it takes square images of any size.
        scale: what cosines are multiplied with to be logits.
        bias: what is added to them then, 0 but for models with a sigmoid.
        kind: such as `clip`, as its library calls it.
        context_length: most tokens of a text.
        dtype: what it computes in.
        batch_size: images that it takes at once; of more it makes several batches.
        is_sigmoid: whether a logit is of one pair alone, for a sigmoid, and not for a softmax.
        long_texts: how many of the texts so far were longer than the model reads.
    """

    def __init__(self, name: str, towers: Towers, device: torch.device) -> None:
        self.name, self.kind, self.device = name, towers.kind, device
        self._towers = towers
        self.image_size, self.context_length = towers.image_size, towers.context_length
        self.scale, self.bias, self.is_sigmoid = towers.scale, towers.bias, towers.is_sigmoid
        self.dtype = towers.dtype
        self.long_texts = 0
        self.batch_size = best_batch(self.image_size, device)
        self.dimension = self._probe()

    @torch.inference_mode()
    def embed_images(self, images: Tensor) -> Tensor:
        """Unit vectors `[N, D]`, float32, for images uint8 `[N, H, W, 3]`, both on the device.

        Raises `InputError` for images of another kind, and for vectors that are not finite.
        """
        if images.dtype != torch.uint8 or images.dim() != 4 or images.shape[3] != 3:
            raise InputError(
                f"images are {images.dtype} {tuple(images.shape)}: torch.uint8 [N, H, W, 3] is "
                "needed"
            )
        if not len(images):
            return torch.empty(0, self.dimension, device=self.device)
        parts = images.to(self.device).permute(0, 3, 1, 2).split(self.batch_size)
        return self._unit(
            torch.cat([self._towers.embed_images(part) for part in parts]), "an image"
        )

    @torch.inference_mode()
    def embed_texts(self, texts: Sequence[str]) -> Tensor:
        """Unit vectors `[N, D]`, float32, on the device.

        Texts that are longer than the model reads are counted and told of.
        """
        if isinstance(texts, str):
            raise InputError(f"texts are {texts!r}: give a list of them")
        texts = list(texts)
        if not texts:
            return torch.empty(0, self.dimension, device=self.device)
        self._count_long(texts)
        starts = range(0, len(texts), _BATCH)
        parts = [self._towers.embed_texts(texts[start : start + _BATCH]) for start in starts]
        return self._unit(torch.cat(parts), "a text")

    def _count_long(self, texts: Sequence[str]) -> None:
        most = self.context_length
        long = sum(count > most for count in self._towers.count_tokens(texts))
        if long and not self.long_texts:  # said once
            _log.warning(
                "%d of %d texts are longer than the %d tokens that encoder %s reads: their ends "
                "are cut off",
                long,
                len(texts),
                most,
                self.name,
            )
        self.long_texts += long

    def _unit(self, vectors: Tensor, what: str) -> Tensor:
        if not bool(vectors.isfinite().all()):
            raise InputError(
                f"encoder {self.name!r} gives a vector for {what} that is not finite: its weights "
                "are damaged, or too large for float16 (choose --device cpu)"
            )
        return F.normalize(vectors.float(), dim=1)

    def _probe(self) -> int:
        """The dimension, once image and text of a try fit together; `InputError` if they do not."""
        side = self.image_size
        blank = torch.zeros(1, side, side, 3, dtype=torch.uint8, device=self.device)
        image, text = self.embed_images(blank), self.embed_texts(["a"])
        if image.shape[1] != text.shape[1]:
            raise InputError(
                f"encoder {self.name!r} gives vectors of {image.shape[1]} numbers for images and "
                f"of {text.shape[1]} for texts: give one whose encoders belong together"
            )
        return image.shape[1]
