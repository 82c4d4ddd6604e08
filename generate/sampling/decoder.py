"""From latents to finished images, on a GPU beside the denoising of the next batch."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from ...base.device_part import is_on_part
from ...base.memory import is_out_of_memory
from ...engine import Engine
from ...kernels import finish
from ..filters.pictures import faults_of
from .stages import unseen

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Decoded:
    """Images, and on a GPU the event from which on they are there."""

    images: Tensor
    """uint8 `[B, size, size, 3]`."""
    faults: Tensor
    """On the host: what is wrong with each image, uint8 `[B]`; see `faults_of`."""
    ready: torch.cuda.Event | None

    def wait(self) -> None:
        """Have the host wait for the images; the current stream may use them from then on."""
        if self.ready is not None:
            self.ready.synchronize()
            self.images.record_stream(torch.cuda.current_stream(self.images.device))


class Decoder:
    """Decodes latents, in a batch size of its own, and finishes them as uint8 pixels.

    On a GPU it works on a stream of its own, unless the current one has but a part of the GPU.
    Where a batch does not fit into memory, it goes on with half the size.

    Args:
        engine: the VAE decoder: latents to images of -1..1.
        image_size: side of the finished images in pixels, which show the middle of what the model
            makes where that is not square.
        batch_size: images decoded together.
        part: is told of each call of the `vae`, and of each `finish`; see `StageSeconds.part`.
    """

    def __init__(
        self,
        engine: Engine,
        image_size: int,
        batch_size: int,
        part: Callable[[str], AbstractContextManager[object]] = unseen,
    ) -> None:
        self.image_size, self.batch_size = image_size, batch_size
        self._engine, self._part = engine, part
        self._stream = None
        if engine.device.type == "cuda":
            self._stream = torch.cuda.Stream(engine.device)

    @contextmanager
    def stream_of(self, latents: Tensor) -> Iterator[Tensor]:
        """Inside, work goes to the decoder's stream, on latents that nobody overwrites."""
        if self._stream is None or is_on_part():
            yield latents
            return
        kept = latents.clone()  # the next batch is denoised into the same buffer
        self._stream.wait_stream(torch.cuda.current_stream(latents.device))
        kept.record_stream(self._stream)
        with torch.cuda.stream(self._stream):
            yield kept

    def __call__(self, latents: Tensor) -> Decoded:
        """Images of `latents` `[B, C, H/8, W/8]` float32, enqueued on the current stream."""
        parts, done = [], 0
        while done < len(latents):
            chunk = latents[done : done + self.batch_size]
            pixels = self._finished(chunk)
            if pixels is None:
                self._halve(len(chunk))
                continue
            parts.append(pixels)
            done += len(chunk)
        images, faults = (torch.cat(part) for part in zip(*parts, strict=True))
        if self._stream is None:
            return Decoded(images, faults, None)
        on_host = torch.empty(faults.shape, dtype=faults.dtype, pin_memory=True)
        on_host.copy_(faults, non_blocking=True)
        ready = torch.cuda.Event()
        ready.record()
        return Decoded(images, on_host, ready)

    def _finished(self, latents: Tensor) -> tuple[Tensor, Tensor] | None:
        """Pixels and faults; None for more than one image that do not fit into memory."""
        try:
            with self._part("vae"):
                decoded = self._engine({"latents": latents})["images"]
            with self._part("finish"):
                pixels, statistics = finish(
                    middle_square(decoded), self.image_size, self.image_size
                )
                return pixels, faults_of(pixels, statistics)
        except Exception as error:
            if len(latents) == 1 or not is_out_of_memory(error):
                raise
            return None

    def _halve(self, failed: int) -> None:
        self.batch_size = failed // 2
        _log.warning(
            "decoding %d images at once does not fit into the memory of %s: going on with %d",
            failed,
            self._engine.device,
            self.batch_size,
        )
        if self._stream is not None:
            torch.cuda.empty_cache()


def middle_square(images: Tensor) -> Tensor:
    """The square in the middle of images `[B, C, H, W]`, of as many pixels as the shorter side."""
    height, width = images.shape[-2:]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return images[..., top : top + side, left : left + side]
