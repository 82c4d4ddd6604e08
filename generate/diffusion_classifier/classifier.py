"""The diffusion classifier: the class whose prompt lets the UNet tell the noise from the image."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ...base import InputError, keep_freed_memory, resolve_device
from ...base.memory import is_out_of_memory
from ...base.transfer import to_device
from ...engine import Cache
from ...export import find_model, load_engines, native_side
from ..facts import tokenizers_of
from ..plan import philox
from ..plan.classes import ClassName
from ..plan.philox import Stream
from ..plan.prompts import fill
from ..sampling.text import Conditions, TextEmbeddings
from .classified import Classified, joined
from .levels import Level, levels_of
from .model import engine_choice, own_info
from .noise_errors import NoiseErrors
from .settings import DiffusionClassifierSettings
from .stages import Stage, stage_timesteps

_log = logging.getLogger(__name__)

_BATCH, _PIXELS = 128, 2**21  # of images in a batch, the fewer of both

Stages = Sequence[tuple[Stage, Sequence[Level]]]


class DiffusionClassifier:
    """Classifies images by a diffusion model that was trained to generate (arXiv 2303.16203).

    Noise is added to an image's latents, and the class wins by whose prompt the UNet predicts that
    noise with the least error, on average over timesteps. All classes of an image see the same
    noise, a pure function of seed, image and timestep. Stage by stage the worst classes are left
    out.

    It runs on the denoising step that generates, with coefficients that make the step's result the
    error. A batch has one timestep, and every image of a block with one class of its own, or with
    several where the block is small. What does not fit into memory is tried again in blocks of half
    the size.

    Args:
        classes: whose prompts fill the templates, in label order.
        settings: how; by default the embedded model's defaults.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        seed: of the noise.
        cache: where engines are kept; by default the user's.
        changes: fields of `DiffusionClassifierSettings` in place of those of `settings`.

    Raises `InputError` for anything that cannot be used.
    """

    def __init__(
        self,
        classes: Sequence[ClassName],
        settings: DiffusionClassifierSettings | None = None,
        *,
        device: str = "auto",
        seed: int = 0,
        cache: Cache | None = None,
        **changes: Any,
    ) -> None:
        settings = replace(settings or DiffusionClassifierSettings(), **changes)
        if len(classes) < 2:
            raise InputError(f"there are {len(classes)} classes to decide among: give at least 2")
        if not 0 <= seed < 2**64:
            raise InputError(f"seed {seed} is outside 0..2^64-1: choose one inside")
        self.classes, self.settings, self.seed = tuple(classes), settings, seed
        self.device = resolve_device(device)
        if self.device.type == "cpu":
            keep_freed_memory()
        self.folder = find_model(settings.model, settings.variant)
        self._info = own_info(self.folder, settings)
        side = settings.generate_size or native_side(self.folder)
        self.batch_size = settings.batch_size or min(_BATCH, max(1, _PIXELS // side**2))
        choice = engine_choice(settings, self.device, self.batch_size)
        engines = self._engines = load_engines(self.folder, choice, cache or Cache())
        self._errors = NoiseErrors(engines, self._prompts(), settings.norm)

    @property
    def image_size(self) -> int:
        """Side in pixels of the square images that it takes."""
        return self._engines.generate_size[0]

    @property
    def dtype(self) -> torch.dtype:
        """What the UNet computes in."""
        return self._engines.dtype

    def __call__(
        self,
        images: Tensor,
        indices: Sequence[int] | None = None,
        candidates: Tensor | None = None,
    ) -> Classified:
        """The classes of images, uint8 `[N, image_size, image_size, 3]`; see `blocks`."""
        return joined(list(self.blocks(images, indices, candidates)))

    def blocks(
        self,
        images: Tensor,
        indices: Sequence[int] | None = None,
        candidates: Tensor | None = None,
    ) -> Iterator[Classified]:
        """The same in order, `batch_size` images at a time.

        Args:
            images: as `__call__` takes them.
            indices: of the images, from 0, which decide their noise; by default their positions.
            candidates: int64 `[N, C]`, the classes to decide among, in their rows; by default all.

        Raises `InputError` for images of another kind, and where an error is not finite.
        """
        wanted = (len(images), self.image_size, self.image_size, 3)
        if images.dtype != torch.uint8 or images.shape != wanted or not len(images):
            raise InputError(
                f"images are {images.dtype} {tuple(images.shape)}: torch.uint8 "
                f"[N, {self.image_size}, {self.image_size}, 3] is needed, with N at least 1"
            )
        indices = range(len(images)) if indices is None else indices
        seeds = torch.tensor([philox.seed63(self.seed, one, Stream.NOISE) for one in indices])
        stages = self._stages(candidates is not None)
        if candidates is None:
            candidates = torch.arange(len(self.classes)).repeat(len(images), 1)
        begin = 0
        while begin < len(images):
            rows = slice(begin, begin + self.batch_size)
            block = self._fitting(images[rows], seeds[rows], candidates[rows], stages)
            if block is not None:
                begin += len(block)
                yield block

    def _prompts(self) -> list[Conditions]:
        """What the UNet takes of each template's prompts, a row for each class."""
        prompts = [
            [fill(template, one.prompt) for one in self.classes]
            for template in self.settings.templates
        ]
        text = TextEmbeddings(
            tokenizers_of(self.folder, self._info, self.settings),
            self._engines.text_encoder,
            self.dtype,
            most_rows=sum(map(len, prompts)),
        )
        text.add(prompt for some in prompts for prompt in some)
        return [text.lookup(some) for some in prompts]

    def _stages(self, is_proposed: bool) -> Stages:
        stages = self.settings.stages_for(is_proposed)
        timesteps = stage_timesteps(stages, self._info.train_timesteps)
        every = [timestep for some in timesteps for timestep in some]
        levels = iter(levels_of(self.folder, self._info.prediction_type, every, self.device))
        return [(stage, [next(levels) for _ in range(stage.timesteps)]) for stage in stages]

    def _fitting(
        self, images: Tensor, seeds: Tensor, candidates: Tensor, stages: Stages
    ) -> Classified | None:
        """The classes of a block; None where it did not fit, with smaller ones from now on."""
        is_cuda = self.device.type == "cuda"
        try:
            with torch.cuda.device(self.device) if is_cuda else nullcontext():
                return self._classified(images, seeds, candidates, stages)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
        # Out of the handler: the error holds on to the tensors of the work that failed.
        failed, self.batch_size = self.batch_size, self.batch_size // 2
        if not self.batch_size:
            raise InputError(
                f"one image of {self.image_size} pixels does not fit into the memory of "
                f"{self.device}: classify at a smaller size, in a narrower precision, or free some"
            )
        _log.warning(
            "%d evaluations at once do not fit into the memory of %s: going on with %d",
            failed,
            self.device,
            self.batch_size,
        )
        if is_cuda:
            torch.cuda.empty_cache()
        return None

    @torch.inference_mode()
    def _classified(
        self, images: Tensor, seeds: Tensor, candidates: Tensor, stages: Stages
    ) -> Classified:
        assert self._engines.vae_encoder is not None
        encoded = self._engines.vae_encoder({"images": to_device(images, self.device)})
        latents = encoded["latents"].contiguous()
        seeds, left = to_device(seeds, self.device), to_device(candidates, self.device)
        totals = torch.zeros(len(images), len(self.classes), device=self.device)
        tried, evaluations = torch.zeros_like(totals), 0
        for stage, levels in stages:
            if left.shape[1] == 1:
                break
            for level in levels:
                errors = self._errors(latents, seeds, level, left, self.batch_size)
                totals.scatter_add_(1, left, errors)
                tried.scatter_add_(1, left, torch.ones_like(errors))
                evaluations += left.numel()
            # All that are left have been tried equally often.
            order = totals.gather(1, left).argsort(dim=1, stable=True)
            left = left.gather(1, order[:, : stage.keep])
        if not bool(totals.isfinite().all()):
            raise InputError(
                f"the UNet's error is not finite in {str(self.dtype).removeprefix('torch.')}: "
                "choose another precision, such as --precision fp32"
            )
        return Classified(left[:, 0].cpu(), (totals / tried).cpu(), evaluations)
