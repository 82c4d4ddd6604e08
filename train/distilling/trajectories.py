"""Trajectories of the teacher: latents of a plan's images at the points where jumps begin and end.

They lie in shards on disk, so that an interrupted distillation makes none twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ...base.files import remove_half_written, write_atomically
from ...base.progress import OnStage, StageProgress
from ...base.sealed import DamagedFileError, read_sealed, sealed
from ...generate import Generator, SamplePlan

_SHARD = 256  # trajectories in a file
_LATENTS = "latents"


@dataclass(frozen=True)
class TrajectoryFolder:
    """Where trajectories lie, and what they must be of."""

    folder: Path
    identity: str
    """A digest of all that decides them."""

    def make(
        self, generator: Generator, plan: SamplePlan, kept: Sequence[int], on_progress: OnStage
    ) -> Tensor:
        """The latents of every image of `plan` after each of the `kept` steps of `generator`.

        float16 `[N, len(kept), C, H/8, W/8]`, on the CPU. Those of another identity, and files that
        are not whole, are made anew.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        remove_half_written(self.folder)
        shards = []
        for begin in range(0, len(plan), _SHARD):
            path = self.folder / f"{begin // _SHARD:05d}.safetensors"
            specs = plan[begin : begin + _SHARD]
            shard = self._read(path, (len(specs), len(kept)))
            if shard is None:
                batches = [
                    generator.trajectories(specs[first : first + generator.batch_size])[list(kept)]
                    for first in range(0, len(specs), generator.batch_size)
                ]
                shard = torch.cat(batches, dim=1).transpose(0, 1).half().cpu().contiguous()
                write_atomically(path, sealed({_LATENTS: shard}, self.identity))
            shards.append(shard)
            done = min(begin + _SHARD, len(plan))
            on_progress(StageProgress("trajectories", done, len(plan)))
        return torch.cat(shards)

    def _read(self, path: Path, counts: tuple[int, int]) -> Tensor | None:
        """So many trajectories of so many points; None where there are no such."""
        try:
            file = read_sealed(path)
        except (OSError, DamagedFileError):
            return None
        found = file.tensors.get(_LATENTS)
        if found is None or file.text != self.identity or found.dtype != torch.float16:
            return None
        return found if found.ndim == 5 and found.shape[:2] == counts else None
