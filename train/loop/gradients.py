"""The gradients of a batch: at once or, where memory does not suffice for that, part by part."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from ...base.errors import InputError
from ...base.memory import is_out_of_memory

_log = logging.getLogger(__name__)

_LEAST = 2  # images of a part: batch normalisation needs them


@contextmanager
def memory_explained(device: torch.device) -> Iterator[None]:
    """Turn memory that runs out inside, in the optimiser say, into an `InputError`."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise InputError(
            f"{device} ran out of memory in a training step: choose a smaller batch size, or a "
            "smaller pool or classifier"
        ) from error


class Gradients:
    """Adds the gradients of batches to the weights of `model`.

    Where a batch does not fit into memory, it is taken in halves, and so are all after it, whose
    gradients add up to the same but for what the model computes over a batch (batch normalisation).
    That is said. It can be done where this process trains alone, for others would wait for it, and
    not once gradients of other batches were added, which cannot be told from its own.

    Args:
        model: what is trained.
        forward: the model, or what calls it: images `[B, 3, S, S]` to logits `[B, K]`.
        loss: of logits and targets `[B, K]`, a mean over the batch.
        scaler: of the loss.
        device: of the images.
        dtype: what autocast computes in.
        accumulate: of how many batches gradients add up.
        is_alone: whether no other process trains along.
    """

    def __init__(
        self,
        model: nn.Module,
        forward: Callable[[Tensor], Tensor],
        loss: Callable[[Tensor, Tensor], Tensor],
        scaler: torch.amp.GradScaler,
        *,
        device: torch.device,
        dtype: torch.dtype,
        accumulate: int,
        is_alone: bool,
    ) -> None:
        self.parts = 1
        """In how many parts a batch is taken."""
        self._model, self._forward, self._loss, self._scaler = model, forward, loss, scaler
        self._device, self._dtype = device, dtype
        self._accumulate, self._is_alone = accumulate, is_alone

    def add(self, images: Tensor, targets: Tensor, is_first: bool) -> tuple[Tensor, Tensor]:
        """The batch's mean loss and its correctly classified images, as scalars on the device.

        `is_first` says that there are no gradients of other batches yet. Raises `InputError` where
        memory runs out and no halving helps.
        """
        while True:
            try:
                return self._add(images, targets)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
            # Here what the error held on to is free.
            self._halve(len(images), is_first)

    def _add(self, images: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        count = max(1, min(self.parts, len(images) // _LEAST))
        total = hits = torch.zeros((), device=images.device)
        for part, wanted in zip(
            images.tensor_split(count), targets.tensor_split(count), strict=True
        ):
            with torch.autocast(
                self._device.type, self._dtype, enabled=self._dtype is not torch.float32
            ):
                logits = self._forward(part)
            loss = self._loss(logits, wanted)
            if len(part) < len(images):
                loss = loss * (len(part) / len(images))
            self._scaler.scale(loss / self._accumulate).backward()
            total = total + loss.detach()
            hits = hits + (logits.argmax(1) == wanted.argmax(1)).sum()
        return total, hits

    def _halve(self, images: int, is_first: bool) -> None:
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
        parts = 2 * self.parts
        if not (self._is_alone and is_first) or images < parts * _LEAST:
            raise InputError(
                f"{self._device} ran out of memory while training on {images // self.parts} images "
                "at a time: choose a smaller batch size, accumulate gradients over more batches, "
                "or choose a smaller classifier"
            )
        self._model.zero_grad(set_to_none=True)  # of what was added before memory ran out
        self.parts = parts
        self._forward = self._model  # what was compiled was so for whole batches
        _log.warning(
            "training on %d images at a time ran out of memory: from here on batches are taken in "
            "%d parts, over which batch normalisation sees %d images",
            images * 2 // parts,
            parts,
            -(-images // parts),
        )
