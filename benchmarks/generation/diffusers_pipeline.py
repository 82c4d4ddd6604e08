"""The peer: a pipeline of `diffusers`, as it is or as its own guide makes it fast."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor

from ...export import ModelInfo
from ...generate import SampleSpec
from ...generate.sampling.decoder import middle_square
from ...kernels import philox_normal

# https://huggingface.co/docs/diffusers/optimization/fp16: the settings of torch._inductor.config
# there, and those that mode "max-autotune" stands for.
_CUDA_OPTIONS: dict[str, Any] = {
    "max_autotune": True,
    "triton.cudagraphs": True,
    "conv_1x1_as_mm": True,
    "coordinate_descent_tuning": True,
    "coordinate_descent_check_all_directions": True,
    "epilogue_fusion": False,
}
# The guide has nothing for CPUs; PyTorch's has freezing, which packs weights for oneDNN.
_CPU_OPTIONS: dict[str, Any] = {"freezing": True}


class DiffusersPipeline:
    """Generates images of specs by a pipeline of `diffusers`, `batch_size` prompts a call.

    It has one guidance scale a call: images of different guidance come in calls of their own.

    Args:
        pipeline: of `diffusers`, or with the same interface.
        info: of the model in it.
        dtype: of the latents that it takes.
        device: where it runs.
        steps: denoising steps of an image.
        generate_size: height and width of the images in pixels.
        batch_size: prompts a call.
    """

    def __init__(
        self,
        pipeline: Any,
        info: ModelInfo,
        *,
        dtype: torch.dtype,
        device: torch.device,
        steps: int,
        generate_size: tuple[int, int],
        batch_size: int,
    ) -> None:
        pipeline.safety_checker = None
        pipeline.set_progress_bar_config(disable=True)
        self._pipeline, self._info = pipeline, info
        self._dtype, self._device, self._steps = dtype, device, steps
        self._generate_size, self._batch_size = generate_size, batch_size

    def images(self, specs: Sequence[SampleSpec]) -> Tensor:
        """The images of `specs` in order, uint8 `[N, side, side, 3]` on the device.

        Of others than squares their middle, as our generator gives it.
        """
        places: list[int] = []
        parts = []
        for batch in _batches(specs, self._batch_size):
            places += batch
            parts.append(self._call([specs[place] for place in batch]))
        order = torch.tensor(places, device=self._device).argsort()
        return torch.cat(parts)[order]

    def step_seconds(self, batch: Sequence[SampleSpec]) -> float | None:
        """Seconds between the ends of one batch's steps, the median; None for less than two."""
        ends: list[float] = []

        def note(*arguments: Any) -> Any:
            if self._device.type == "cuda":
                torch.cuda.synchronize(self._device)
            ends.append(time.perf_counter())
            return arguments[-1]

        self._call(batch, callback_on_step_end=note)
        durations = [end - before for before, end in pairwise(ends)]
        return median(durations) if durations else None

    @torch.inference_mode()
    def _call(self, specs: Sequence[SampleSpec], **options: Any) -> Tensor:
        guidance = specs[0].guidance
        height, width = self._generate_size
        if self._info.guided and guidance > 1:
            options["negative_prompt"] = [spec.negative_prompt for spec in specs]
        images = self._pipeline(
            prompt=[spec.prompt for spec in specs],
            guidance_scale=guidance,
            num_inference_steps=self._steps,
            height=height,
            width=width,
            latents=self._noise(specs),
            output_type="pt",
            **options,
        ).images  # [B, 3, H, W] of 0..1
        pixels: Tensor = images.float().mul(255).round().to(self._device, torch.uint8)
        return middle_square(pixels).permute(0, 2, 3, 1)

    def _noise(self, specs: Sequence[SampleSpec]) -> Tensor:
        """The noise that our generator starts from, too."""
        seeds = torch.tensor([spec.seed for spec in specs], device=self._device)
        height, width = (side // self._info.vae_scale for side in self._generate_size)
        noise = philox_normal(seeds, (self._info.latent_channels, height, width), 0)
        return noise.to(self._dtype)


def _batches(specs: Sequence[SampleSpec], size: int) -> Iterator[list[int]]:
    """Numbers of the specs, in batches of one guidance."""
    order = sorted(range(len(specs)), key=lambda place: specs[place].guidance)
    for _, members in groupby(order, key=lambda place: specs[place].guidance):
        group = list(members)
        for begin in range(0, len(group), size):
            yield group[begin : begin + size]


def load_diffusers(
    folder: Path,
    dtype: torch.dtype,
    device: torch.device,
    *,
    channels_last: bool,
    compiled: bool,
) -> Any:
    """The pipeline that a folder's `model_index.json` names; compiled, it is channels-last, too."""
    import diffusers
    import transformers

    for library in (diffusers, transformers):
        library.utils.logging.disable_progress_bar()
    pipeline = diffusers.DiffusionPipeline.from_pretrained(
        folder, torch_dtype=dtype, use_safetensors=True, trust_remote_code=False
    )
    pipeline.to(device)
    if channels_last or compiled:
        for module in (pipeline.unet, pipeline.vae):
            module.to(memory_format=torch.channels_last)
    if compiled:
        _compile(pipeline, device)
    return pipeline


def take_scheduler(pipeline: Any, name: str) -> None:
    """Give a pipeline another scheduler as the guide of `diffusers` has it, from its own's values.

    https://huggingface.co/docs/diffusers/using-diffusers/schedulers. Not by our own reading of the
    folder: a mistake in that would be in both.
    """
    import diffusers

    title = name if name.endswith("Scheduler") else f"{name}Scheduler"
    pipeline.scheduler = getattr(diffusers, title).from_config(pipeline.scheduler.config)


def _compile(pipeline: Any, device: torch.device) -> None:
    options = _CUDA_OPTIONS if device.type == "cuda" else _CPU_OPTIONS
    pipeline.fuse_qkv_projections()
    pipeline.unet = torch.compile(pipeline.unet, fullgraph=True, options=options)
    pipeline.vae.decode = torch.compile(pipeline.vae.decode, fullgraph=True, options=options)
