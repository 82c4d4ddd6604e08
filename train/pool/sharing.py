"""How generating and training share one device, and which way is the fastest there."""

from __future__ import annotations

import logging
import time
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

import torch

from ...base.device_part import stream_of_part
from ...base.errors import InputError, unknown
from ...base.ranks import Ranks
from ...base.readers_writer_lock import RECORDING
from ..settings import SHARING_MODES

if TYPE_CHECKING:
    from torch.cuda.green_contexts import GreenContext

__all__ = ["Sharing", "check_mode", "training_stream"]


_PARTITION = 0.5  # of the multiprocessors, for generating
_COLD_TURNS = 2  # the first block and the first training pass pay for what is done once

_LG = logging.getLogger(__name__)


class Sharing:
    """Says what runs beside what, turn by turn; a turn is a training pass and the next block.

    `auto` alternates on the CPU, where both would want the same cores. On a GPU it gives each mode
    a turn, measures how long that takes against what generating and training take one after the
    other, and keeps the fastest. The first two turns are not measured.

    Args:
        mode: one of `SHARING_MODES`.
        device: where both work.
        graphs: whether generating replays CUDA graphs, which run on the whole device.

    Raises `InputError` for an unknown mode, and for one that the device does not have.
    """

    def __init__(self, mode: str, device: torch.device, graphs: bool = False) -> None:
        check_mode(mode, device, graphs)
        self._device = device
        self.mode = mode if mode != "auto" else "alternate"
        self._is_alternating = mode == "alternate"
        self._untried = [
            name
            for name in SHARING_MODES[1:]
            if mode == "auto" and device.type == "cuda"
            if not _not_supported_reason(name, device, graphs)
        ]
        self.relative: dict[str, float] = {}
        """What `auto` measured: the time of a turn over that of its two parts one by one."""
        self._image_seconds = 0.0  # of generating, alone
        self._sample_seconds = 0.0  # of training, alone
        self._cold_turns = _COLD_TURNS
        self._turn_began = self._block_began = 0.0
        self._streams: dict[str, torch.cuda.Stream] = {}  # on the whole device, on a part of it
        self._partition: GreenContext | None = None  # its stream ends with it

    @property
    def is_concurrent(self) -> bool:
        """Whether the next block is generated while the caller trains."""
        return self.mode != "alternate"

    def generating_stream(self) -> AbstractContextManager[object]:
        """The stream that generates, in whatever thread, as the current one.

        It comes after what its first caller's stream was given before: the model's weights. Where
        nothing is ever generated beside training, it is the caller's, for then both may use the
        same memory in turn.
        """
        if self._device.type != "cuda" or self._is_alternating:
            return nullcontext()
        # Kept, for memory that was freed on a stream serves that stream again.
        kind = "partition" if self.mode == "partition" else "whole"
        if kind not in self._streams:
            self._streams[kind] = self._new_stream(kind)
            self._streams[kind].wait_stream(torch.cuda.current_stream(self._device))
        stream = self._streams[kind]
        return stream_of_part(stream) if kind == "partition" else torch.cuda.stream(stream)

    def _new_stream(self, kind: str) -> torch.cuda.Stream:
        if kind == "whole":
            return torch.cuda.Stream(self._device, priority=0)
        self._partition = _partition(self._device)
        stream: torch.cuda.Stream = self._partition.Stream()
        return stream

    def begin_block(self) -> None:
        """Note that the next block is generated from now on, or waited for."""
        if self._untried and self.mode == "alternate":
            self._synchronize()  # or what training has enqueued would count as generating
        self._block_began = time.perf_counter()

    def turn(self, images: int, samples: int) -> None:
        """Note that since the last turn `images` were generated and `samples` trained on."""
        if not self._untried:
            return
        if self._cold_turns or samples == 0:  # nothing was beside anything, or it was slow
            self._cold_turns = max(0, self._cold_turns - 1)
            self._turn_began = time.perf_counter()
            return
        self._synchronize()
        now = time.perf_counter()
        seconds = now - self._turn_began
        if self.mode == "alternate":
            self._image_seconds = (now - self._block_began) / images
            self._sample_seconds = (self._block_began - self._turn_began) / samples
        alone = images * self._image_seconds + samples * self._sample_seconds
        self.relative[self.mode] = seconds / alone
        self._untried.remove(self.mode)
        self.mode = (
            self._untried[0] if self._untried else min(self.relative, key=self.relative.__getitem__)
        )
        if not self._untried:
            _LG.info("generating and training share %s by %s", self._device, self.mode)
        self._turn_began = time.perf_counter()

    def _synchronize(self) -> None:
        with RECORDING.shared():
            torch.cuda.synchronize(self._device)


def check_mode(mode: str, device: torch.device, graphs: bool = False) -> None:
    """Raise `InputError` for an unknown mode, and for one that `device` does not have.

    `graphs` says whether generating replays CUDA graphs.
    """
    if mode not in SHARING_MODES:
        raise unknown("sharing mode", mode, SHARING_MODES)
    if reason := _not_supported_reason(mode, device, graphs):
        raise InputError(
            f"sharing mode {mode!r} cannot be used on {device}: {reason}; choose 'auto'"
        )


def sharing_mode(mode: str, device: torch.device, ranks: Ranks) -> str:
    """How a process shares its device.

    Several with a GPU each can only alternate: at once, NCCL would exchange images and gradients in
    an order that differs between them.
    """
    if ranks.world_size == 1 or device.type == "cpu" or mode == "alternate":
        return mode
    if mode != "auto":
        raise InputError(
            f"sharing mode {mode!r} was given to several processes that have a GPU each, which can "
            "only alternate: choose 'alternate'"
        )
    return "alternate"


def training_stream(device: torch.device) -> AbstractContextManager[object]:
    """A stream for training, which goes before what is generated meanwhile."""
    if device.type != "cuda":
        return nullcontext()
    # Negative goes before 0, which is what generating has.
    stream = torch.cuda.Stream(device, priority=-1)
    stream.wait_stream(torch.cuda.current_stream(device))
    return torch.cuda.stream(stream)


def _not_supported_reason(mode: str, device: torch.device, graphs: bool) -> str:
    """Why `device` does not have the mode; empty if it has."""
    if mode != "partition":
        return ""
    if device.type != "cuda":
        return "only CUDA devices can be partitioned"
    if graphs:
        return "the generator's CUDA graphs run on the whole device, so leave them out"
    try:
        _partition(device).Stream()  # which older versions of PyTorch do not have
    except (ImportError, AttributeError, RuntimeError) as error:
        return f"this PyTorch and driver have no green contexts ({' '.join(str(error).split())})"
    return ""


def _partition(device: torch.device) -> GreenContext:
    """A part of the multiprocessors (a CUDA green context)."""
    from torch.cuda.green_contexts import GreenContext

    count = torch.cuda.get_device_properties(device).multi_processor_count
    # Multiples of 8 are what every architecture can split off.
    wanted = max(8, int(count * _PARTITION) // 8 * 8)
    return GreenContext.create(num_sms=wanted, device_id=device.index or 0)
