"""The generator: sample specs in, batches of uint8 images on the device out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor

from ..engine import Cache, InputError, resolve_device
from ..export import (
    EngineChoice,
    ExportProgress,
    check_model_folder,
    find_model,
    is_exported,
    load_engines,
    load_scheduler,
    load_tokenizers,
    parse_engine,
    schedule_of,
)
from ..kernels import finish
from .choose_engine import load_fastest
from .sampler import denoise, guidance_rows, noise
from .samples import SampleSpec
from .text import Conditions, TextEmbeddings

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
        model: a folder that `diffusers` saved or `zeroreal export` wrote, or a hub id; the embedded
            model by default.
        engine: `auto`, `torch`, `torch:compiled`, `onnxruntime` (`:cpu`, `:cuda`, `:tensorrt`) or
            `tensorrt`. All make the same images.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        precision: `auto`, `fp32`, `bf16` or `fp16`: the dtype of text encoder, UNet and VAE.
        attention: `auto` or a backend of `memory_efficient_attention`, for the torch engine.
        cuda_graphs: replay each engine's work on a GPU as one graph per shape.
        scheduler: a `diffusers` scheduler's class name, in place of the folder's own.
        steps: denoising steps.
        image_size: side of the finished square images in pixels; by default the model's own.
        batch_size: images denoised together.
        cache: where exports, engines and choices are kept; by default the user's.
        on_progress: told of exporting, which `onnxruntime` and `tensorrt` do on first use.

    Raises `InputError` for anything that cannot be used.
    """

    def __init__(
        self,
        model: str | Path | None = None,
        *,
        engine: str = "auto",
        device: str = "auto",
        precision: str = "auto",
        attention: str = "auto",
        cuda_graphs: bool = False,
        scheduler: str | None = None,
        steps: int = DEFAULT_STEPS,
        image_size: int | None = None,
        batch_size: int = DEFAULT_BATCH_SIZE,
        cache: Cache | None = None,
        on_progress: Callable[[ExportProgress], None] = lambda progress: None,
    ) -> None:
        for name, value in (("steps", steps), ("batch size", batch_size)):
            if value < 1:
                raise InputError(f"{name} is {value}: at least 1 is needed")
        if image_size is not None and image_size < 8:
            raise InputError(f"image size is {image_size}: at least 8 pixels are needed")
        backend, variant = ("auto", None) if engine == "auto" else parse_engine(engine)
        self.device = resolve_device(device)
        self.folder = find_model(model)
        if not is_exported(self.folder):
            check_model_folder(self.folder)
        self.scheduler = load_scheduler(self.folder, scheduler)
        self.schedule = schedule_of(self.scheduler, steps)
        choice = EngineChoice(
            backend, variant, self.device, precision, batch_size, attention, cuda_graphs
        )
        cache = cache or Cache()
        if backend == "auto":
            self.engines = load_fastest(self.folder, choice, steps, cache, on_progress)
        else:
            self.engines = load_engines(self.folder, choice, cache, on_progress)
        self.text = TextEmbeddings(
            load_tokenizers(self.folder, self.engines.info),
            self.engines.text_encoder,
            self.engines.dtype,
            self.engines.info.empty_negative_is_zero,
        )
        self.dtype = self.engines.dtype
        self.steps, self.batch_size = steps, batch_size
        self.image_size = self.engines.image_size[0] if image_size is None else image_size
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
        with self.seconds.stage("text"):
            conditions = self._conditions(specs)
        info = self.engines.info
        height, width = (side // info.vae_scale for side in self.engines.image_size)
        with self.seconds.stage("denoise"):
            shape = (info.latent_channels, height, width)
            start, generators = noise([spec.seed for spec in specs], shape)
            return denoise(
                self.engines.denoise,
                self.schedule,
                start.to(self.device),
                conditions,
                generators,
            )

    def _conditions(self, specs: Sequence[SampleSpec]) -> Conditions:
        """What the denoiser takes in every step."""
        guidance = torch.tensor([spec.guidance for spec in specs])
        conditions = self.text.lookup([spec.prompt for spec in specs])
        if self.engines.info.guided:
            guided, rows, unconditional = guidance_rows(guidance)
            negative = [specs[image].negative_prompt for image in guided.tolist()]
            away = self.text.lookup_negative(negative)
            conditions = {
                name: torch.cat([values, away[name]]) for name, values in conditions.items()
            }
            conditions["rows"] = rows.to(self.device)
            conditions["unconditional"] = unconditional.to(self.device)
        if self.engines.info.pooled_channels is not None:
            height, width = self.engines.image_size
            # Original size, top left corner of the crop, and target size (SDXL, arXiv 2307.01952).
            ids = torch.tensor([[height, width, 0, 0, height, width]], dtype=torch.float32)
            conditions["time_ids"] = ids.repeat(len(conditions["pooled"]), 1).to(self.device)
        return {**conditions, "guidance": guidance.to(self.device)}

    @torch.inference_mode()
    def _images(self, specs: Sequence[SampleSpec]) -> Tensor:
        latents = self.latents(specs)
        with self.seconds.stage("decode"):
            decoded = self.engines.vae_decoder({"latents": latents})["images"]
            return finish(decoded, self.image_size, self.image_size)
