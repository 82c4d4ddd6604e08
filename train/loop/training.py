"""One training in progress: weights, their average, optimiser, schedule and random state."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, NoReturn

import torch
from timm.utils.model_ema import ModelEmaV3
from torch import Tensor, nn

from ...base.errors import InputError
from ...base.ranks import Ranks, distribute, sum_over_ranks
from ...base.readers_writer_lock import RECORDING
from ..pool.loader import Loader
from ..settings import TrainSettings
from ..states import FORMAT, VERSION
from .epoch_sums import EpochReport, EpochSums
from .gradients import Gradients, memory_explained
from .kept_weights import KeptWeights
from .optimization import (
    learning_rate,
    loss_function,
    make_optimizer,
    restore_memory_formats,
)
from .scalars import Scalars
from .targets import mix, smoothed_targets
from .training_state import check_training_state

__all__ = ["EpochReport", "Training"]


class Training:
    """Trains `model` on what `loader` gives, epoch by epoch; see `Trainer.fit`.

    Its state, with the seed of the loader, decides all that follows: on the CPU to the bit.
    `ranks` are the processes that train together, by default those of `torch.distributed`.
    """

    def __init__(
        self,
        model: nn.Module,
        loader: Loader,
        settings: TrainSettings,
        *,
        num_classes: int,
        dtype: torch.dtype,
        seed: int,
        ranks: Ranks | None = None,
    ) -> None:
        self.settings, self._model, self._loader = settings, model, loader
        self._ranks = ranks or Ranks.current()
        self._classes, self._seed = num_classes, seed
        self._device = loader.pool.device
        self.average: ModelEmaV3 | None = None
        if settings.ema_decay:
            self.average = ModelEmaV3(model, decay=settings.ema_decay, use_warmup=True)
        self.reports: list[EpochReport] = []
        """Of the epochs that have ended, in this process or before the state that was loaded."""
        self.updates = 0
        """How often the weights were changed."""
        self._batches = 0
        self._sums = EpochSums.zero(self._device)
        self._optimizer = make_optimizer(model, settings, self._device)
        self._scaler = torch.amp.GradScaler(self._device.type, enabled=dtype is torch.float16)
        self._rate = learning_rate(settings, loader.total_batches(settings.accumulate))
        forward: Callable[[Tensor], Tensor] = distribute(model, self._device)
        if settings.compile:
            # CUDA graphs, on a GPU; the memory of one would be written to while gradients add up.
            mode = "reduce-overhead" if settings.accumulate == 1 else "default"
            forward = torch.compile(forward, mode=mode, dynamic=False)
        self._gradients = Gradients(
            model,
            forward,
            loss_function(settings),
            self._scaler,
            device=self._device,
            dtype=dtype,
            accumulate=settings.accumulate,
            is_alone=self._ranks.world_size == 1,
        )
        # Steps draw from the device's default generator, and compiled ones record graphs: never
        # while a generator beside them records. Batches, which the feed may wait for, come outside.
        self._step_apart = RECORDING.exclusive if settings.compile else RECORDING.shared
        modules = [model] if self.average is None else [model, self.average.module]
        self._good = KeptWeights(modules, "the weights from before training")

    def epoch(self, after_update: Callable[[], None] = lambda: None) -> Scalars:
        """Train on one virtual epoch, or on what is left of it.

        Raises `InputError` for labels outside the classes, and where the loss or a weight is not
        finite: then the weights are again those with which the last epoch ended, or, where none has
        ended in this process, those of the state that was loaded, which may be from within an
        epoch, or else those from before training.
        """
        began, before = time.perf_counter(), self._sums.samples
        self._model.train()
        first = self._loader.batch + 1
        for images, labels in self._loader:
            if self._loader.batch == first:  # what is due has been published
                self._check_labels()
            with self._step_apart(), memory_explained(self._device):
                self._add_gradients(images, labels)
                done = self._loader.batch
                if done % self.settings.accumulate == 0 or done == len(self._loader):
                    self._update()
                    after_update()
        return self._report(time.perf_counter() - began, before)

    def is_finite(self) -> bool:
        """Whether every loss of this epoch was, and every weight is; waits for the device."""
        return int(self._sums.bad_step) < 0 and self._has_finite_weights()

    def _has_finite_weights(self) -> bool:
        norms = torch._foreach_norm(list(self._model.parameters()))
        return bool(torch.stack(norms).isfinite().all())

    def _check_labels(self) -> None:
        pool = self._loader.pool
        labels = pool.labels_of(pool.slots())
        outside = labels[(labels < 0) | (labels >= self._classes)]
        if len(outside):
            raise InputError(
                f"label {outside[0]} is outside the {self._classes} classes: labels must be 0 to "
                f"{self._classes - 1}"
            )

    def state_dict(self) -> dict[str, Any]:
        """All that decides what follows, between two updates."""
        state = {
            VERSION: FORMAT,
            "model": self._model.state_dict(),
            "average": self.average and self.average.module.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "scaler": self._scaler.state_dict(),
            "updates": self.updates,
            "batches": self._batches,
            "sums": self._sums.state_dict(),
            "reports": [asdict(report) for report in self.reports],
            "random": torch.get_rng_state(),
            "loader": self._loader.state_dict(),
        }
        if self._device.type == "cuda":
            state["cuda_random"] = torch.cuda.get_rng_state(self._device)
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state of the same training.

        Raises `InputError` for a state that does not fit it, before anything is changed.
        """
        average = self.average and self.average.module
        check_training_state(state, self._model, average, self._optimizer, self._scaler)
        self._loader.load_state_dict(state["loader"])
        self._model.load_state_dict(state["model"])
        if average is not None:
            average.load_state_dict(state["average"])
        self._optimizer.load_state_dict(state["optimizer"])
        restore_memory_formats(self._optimizer)
        self._scaler.load_state_dict(state["scaler"])
        self.updates, self._batches = state["updates"], state["batches"]
        self._sums.load_state_dict(state["sums"])
        self.reports[:] = [EpochReport(**report) for report in state["reports"]]
        torch.set_rng_state(state["random"])
        if self._device.type == "cuda" and "cuda_random" in state:
            with RECORDING.shared():
                torch.cuda.set_rng_state(state["cuda_random"], self._device)
        self._good.keep("the weights of the state that training went on from")

    def _add_gradients(self, images: Tensor, labels: Tensor) -> None:
        settings = self.settings
        targets = labels
        if not labels.is_floating_point():
            targets = smoothed_targets(labels, self._classes, settings.label_smoothing)
        draw = self._batches * self._ranks.world_size + self._ranks.rank
        with torch.no_grad():
            images, targets = mix(
                images, targets, settings.mixup, settings.cutmix, self._seed, draw
            )
        is_first = (self._loader.batch - 1) % settings.accumulate == 0
        loss, hits = self._gradients.add(images, targets, is_first)
        self._batches += 1
        self._sums.add(loss, hits, len(images), self._batches)

    def _update(self) -> None:
        rate = self.settings.learning_rate * self._rate(self.updates)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        if self.settings.clip_grad:
            self._scaler.unscale_(self._optimizer)
            nn.utils.clip_grad_norm_(self._model.parameters(), self.settings.clip_grad)
        self._scaler.step(self._optimizer)
        self._scaler.update()
        self._optimizer.zero_grad(set_to_none=True)
        self.updates += 1
        if self.average is not None:
            self.average.update(self._model, step=self.updates)

    def _report(self, seconds: float, before: int) -> Scalars:
        """Close the epoch: the only place where the host waits for the device."""
        sums = self._sums
        totals = torch.stack([sums.loss, sums.hits, torch.full_like(sums.loss, sums.samples)])
        loss, hits, samples = sum_over_ranks(totals).tolist()
        if not (math.isfinite(loss) and self._has_finite_weights()):
            self._give_up()
        loader = self._loader
        epoch = len(self.reports) + 1
        self.reports.append(
            EpochReport(epoch, loader.total_epochs(), loss / samples, hits / samples)
        )
        self._sums = EpochSums.zero(self._device)
        self._good.keep("the weights of the epoch before")
        return Scalars(
            step=self.updates,
            epoch=epoch,
            samples=loader.samples,
            loss=loss / samples,
            accuracy=hits / samples,
            learning_rate=float(self._optimizer.param_groups[0]["lr"]),
            images_per_second=(sums.samples - before) * self._ranks.world_size / seconds,
            replay_ratio=loader.replay_ratio,
        )

    def _give_up(self) -> NoReturn:
        """Go back to the last weights that are known to be good, and say so."""
        self._good.restore()
        bad = int(self._sums.bad_step)
        what = "a weight is not finite after" if bad < 0 else "the loss is not finite at"
        raise InputError(
            f"{what} batch {self._batches if bad < 0 else bad}, in epoch "
            f"{len(self.reports) + 1}: lower the learning rate, which is "
            f"{self.settings.learning_rate}, or clip the gradients; {self._good.what} are kept"
        )
