"""The generator: sample specs in, batches of uint8 images on the device out."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor

from ..engine import InputError, resolve_device, resolve_precision
from ..kernels import finish
from .model_folder import find_model, load_components
from .samples import SampleSpec

DEFAULT_STEPS = 12
DEFAULT_BATCH_SIZE = 128


@dataclass(frozen=True)
class ImageBatch:
    """Finished images and the specs that they follow from, in the same order."""

    specs: tuple[SampleSpec, ...]
    images: Tensor
    """uint8 `[B, size, size, 3]`, on the generator's device."""
    labels: Tensor
    """int64 `[B]`, on the generator's device."""


@dataclass
class StageSeconds:
    """Seconds spent in each stage of generation; on a GPU the device is waited for at each end."""

    device: torch.device
    text: float = 0.0
    denoise: float = 0.0
    decode: float = 0.0

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        started = self._now()
        yield
        setattr(self, name, getattr(self, name) + self._now() - started)

    def _now(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()


class Generator:
    """Generates images with a latent diffusion model.

    Args:
        model: a folder that `diffusers` saved, or a hub id; the embedded model by default.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        precision: `auto`, `fp32`, `bf16` or `fp16`: the dtype of text encoder, UNet and VAE.
        scheduler: a `diffusers` scheduler's class name, in place of the folder's own.
        steps: denoising steps.
        image_size: side of the finished square images in pixels; by default the model's own.
        batch_size: images denoised together.

    Raises `InputError` for anything that cannot be used.
    """

    def __init__(
        self,
        model: str | Path | None = None,
        *,
        device: str = "auto",
        precision: str = "auto",
        scheduler: str | None = None,
        steps: int = DEFAULT_STEPS,
        image_size: int | None = None,
        batch_size: int = DEFAULT_BATCH_SIZE,
    ) -> None:
        for name, value in (("steps", steps), ("batch size", batch_size)):
            if value < 1:
                raise InputError(f"{name} is {value}: at least 1 is needed")
        from .text import TextEmbeddings

        self.device = resolve_device(device)
        self.dtype = resolve_precision(precision, self.device)
        self.folder = find_model(model)
        parts = load_components(self.folder, self.device, self.dtype, scheduler)
        self.unet, self.vae, self.scheduler = parts.unet, parts.vae, parts.scheduler
        self.text = TextEmbeddings(parts.tokenizer, parts.text_encoder)
        self.steps, self.batch_size = steps, batch_size
        if steps > self.scheduler.config.num_train_timesteps:
            raise InputError(
                f"steps is {steps}: the model was trained on "
                f"{self.scheduler.config.num_train_timesteps} timesteps, use fewer"
            )
        self._latent_side = int(self.unet.config.sample_size)
        native = self._latent_side * 2 ** (len(self.vae.config.block_out_channels) - 1)
        self.image_size = native if image_size is None else image_size
        if self.image_size < 8:
            raise InputError(f"image size is {self.image_size}: at least 8 pixels are needed")
        self.seconds = StageSeconds(self.device)

    def generate(self, specs: Iterable[SampleSpec]) -> Iterator[ImageBatch]:
        """Yield the images of `specs` in order, `batch_size` at a time."""
        iterator = iter(specs)
        while batch := tuple(islice(iterator, self.batch_size)):
            labels = torch.tensor([spec.label for spec in batch], device=self.device)
            yield ImageBatch(batch, self._images(batch), labels)

    def images(self, specs: Iterable[SampleSpec]) -> tuple[Tensor, Tensor]:
        """All images of `specs`, uint8 `[N, size, size, 3]`, and labels, int64 `[N]`."""
        batches = list(self.generate(specs))
        if not batches:
            raise InputError("no samples were asked for: give at least one spec")
        return torch.cat([b.images for b in batches]), torch.cat([b.labels for b in batches])

    @torch.inference_mode()
    def latents(self, specs: Sequence[SampleSpec]) -> Tensor:
        """Denoised latents, float32 `[B, C, H/8, W/8]` (for a VAE that reduces eightfold)."""
        from .sampler import denoise, noise

        shape = (self.unet.config.in_channels, self._latent_side, self._latent_side)
        with self.seconds.stage("text"):
            prompts = self.text.lookup([spec.prompt for spec in specs])
            negative = self.text.lookup([spec.negative_prompt for spec in specs])
        with self.seconds.stage("denoise"):
            start, generators = noise([spec.seed for spec in specs], shape)
            guidance = torch.tensor([spec.guidance for spec in specs])
            return denoise(
                self.unet,
                self.scheduler,
                start.to(self.device),
                prompts,
                negative,
                guidance,
                self.steps,
                generators,
            )

    @torch.inference_mode()
    def _images(self, specs: Sequence[SampleSpec]) -> Tensor:
        latents = self.latents(specs)
        with self.seconds.stage("decode"):
            scaled = (latents / self.vae.config.scaling_factor).to(self.dtype)
            decoded = self.vae.decode(scaled.contiguous(memory_format=torch.channels_last)).sample
            return finish(decoded, self.image_size, self.image_size)
