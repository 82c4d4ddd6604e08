"""Training a student on jumps between points of its teacher's trajectories."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from ...base.errors import InputError
from ...base.progress import OnStage, StageProgress
from ...base.transfer import to_device
from ...generate import SampleSpec
from ...generate.sampling.text import Conditions
from ..loop.checkpoint import CheckpointFolder
from ..loop.optimization import restore_memory_formats
from .jumps import Jump, draw_jumps, targets
from .lora_student import trained_weights
from .settings import DistilSettings
from .student import StudentLoss

if TYPE_CHECKING:
    from collections.abc import Callable

    from diffusers import UNet2DConditionModel

_CONSTANT = 0.4  # of the updates have the full learning rate
_BETAS = (0.9, 0.98)
_LARGEST_GRADIENT = 1.0


@dataclass(frozen=True)
class Examples:
    """What a student learns from."""

    specs: Sequence[SampleSpec]
    """Of each trajectory: its prompt and guidance."""
    latents: Tensor
    """float16 `[N, points, C, h, w]`."""
    jumps: Sequence[Jump]
    conditions_of: Callable[[Sequence[SampleSpec]], Conditions]
    """What the student is told of samples, on the device."""


def learning_rate(settings: DistilSettings, update: int) -> float:
    """Constant, then falling to zero along a cosine."""
    constant = _CONSTANT * settings.updates
    fallen = max(0.0, (update - constant) / (settings.updates - constant))
    return settings.learning_rate * 0.5 * (1 + math.cos(math.pi * fallen))


class Distillation:
    """A student on its way.

    Args:
        student: the UNet, on the device; what of it asks for gradients is trained.
        settings: how it is trained.
        dtype: what is computed in.
        checkpoints: where its state is kept.
    """

    def __init__(
        self,
        student: UNet2DConditionModel,
        settings: DistilSettings,
        dtype: torch.dtype,
        checkpoints: CheckpointFolder,
    ) -> None:
        self._settings, self._checkpoints = settings, checkpoints
        self._trained = trained_weights(student)
        self._loss = StudentLoss(student, dtype)
        decay = settings.moving_average
        self._average = AveragedModel(self._trained, multi_avg_fn=get_ema_multi_avg_fn(decay))
        self._optimizer = torch.optim.Adam(
            self._trained.parameters(), lr=settings.learning_rate, betas=_BETAS, fused=True
        )
        self.updates, self.seconds = 0, 0.0
        self._losses: list[float] = []
        if (state := checkpoints.load()) is not None:
            self._restore(state)

    @property
    def loss(self) -> float:
        """The mean of the last that were noted."""
        last = self._losses[-10:]
        return sum(last) / len(last) if last else math.nan

    def train(self, examples: Examples, on_progress: OnStage) -> nn.Module:
        """Take the updates that are left; gives the moving average of the weights.

        It is a UNet, or what `trained_weights` makes of the student.
        """
        total, clock = self._settings.updates, time.perf_counter()
        while self.updates < total:
            for group in self._optimizer.param_groups:
                group["lr"] = learning_rate(self._settings, self.updates)
            loss = self._update(examples)
            self.updates += 1
            if self.updates % 10 == 0 or self.updates == total:
                self._losses.append(float(loss))
                if not math.isfinite(self._losses[-1]):
                    raise InputError(
                        f"the loss is {self._losses[-1]} after {self.updates} updates: give a "
                        "lower learning rate, or precision fp32"
                    )
                note = f"loss {self.loss:.4f}"
                on_progress(StageProgress("distil", self.updates, total, note))
            now = time.perf_counter()
            if now - clock > self._settings.checkpoint_seconds or self.updates == total:
                self.seconds, clock = self.seconds + now - clock, now
                self._checkpoints.save(self._state())
        return self._average.module.eval()

    def _update(self, examples: Examples) -> Tensor:
        batch = self._draw(examples)
        loss: Tensor = self._loss(*batch)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self._trained.parameters(), _LARGEST_GRADIENT)
        self._optimizer.step()
        self._average.update_parameters(self._trained)
        return loss.detach()

    def _draw(self, examples: Examples) -> tuple[Tensor, Tensor, Tensor, Tensor, Conditions]:
        """A batch that follows from the seed and the number of the update."""
        settings, device = self._settings, next(self._trained.parameters()).device
        generator = torch.Generator().manual_seed((settings.seed << 20) + self.updates)
        count = settings.train_batch_size
        rows = torch.randint(len(examples.latents), (count,), generator=generator)
        drawn = [examples.jumps[n] for n in draw_jumps(examples.jumps, count, generator).tolist()]
        points = [torch.tensor([getattr(j, name) for j in drawn]) for name in ("begin", "end")]
        begin, end = (to_device(examples.latents[rows, p].float(), device) for p in points)
        numbers = ("timestep", "latents", "output")
        timestep, latents, output = (
            to_device(torch.tensor([getattr(jump, name) for jump in drawn]), device)
            for name in numbers
        )
        given = examples.conditions_of([examples.specs[row] for row in rows.tolist()])
        target = targets(begin, end, latents, output)
        layout = torch.channels_last
        return begin.contiguous(memory_format=layout), timestep, target, output.abs(), given

    def _state(self) -> dict[str, Any]:
        return {
            "updates": self.updates,
            "seconds": self.seconds,
            "losses": self._losses,
            "student": self._trained.state_dict(),
            "average": self._average.state_dict(),
            "optimizer": self._optimizer.state_dict(),
        }

    def _restore(self, state: dict[str, Any]) -> None:
        self.updates, self.seconds = state["updates"], state["seconds"]
        self._losses = state["losses"]
        self._trained.load_state_dict(state["student"])
        self._average.load_state_dict(state["average"])
        self._optimizer.load_state_dict(state["optimizer"])
        restore_memory_formats(self._optimizer)
