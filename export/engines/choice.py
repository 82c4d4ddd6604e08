"""Which engines a model can run on, and what those of a model are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch

from ...base import InputError, unknown
from ...base.device import FP8
from ...engine import CudaGraphEngine, Engine
from ...engine.onnxruntime.library import PROVIDERS
from ..graphs.specs import (
    DENOISE,
    DENOISE_FIRST,
    DENOISE_SHALLOW,
    TEXT_ENCODER,
    VAE_DECODER,
    VAE_ENCODER,
)
from ..graphs.trajectories import RecordSteps
from ..model.model_info import ModelInfo
from ..model.parts import PartsChoice

VARIANTS = {
    "torch": ("eager", "compiled", "simulated"),
    "onnxruntime": tuple(PROVIDERS),
    "tensorrt": (),
}
"""Every backend with the variants that may follow it after a colon: `torch:compiled`."""

_FLOAT8_CAPABILITY = (8, 9)  # Ada; Hopper is 9.0

MODULES_FROM = ("zeroreal", "torch", "diffusers", "transformers")
"""The libraries that decide the operations of a module, beside its weights."""


@dataclass(frozen=True)
class EngineChoice:
    """Which engines, and for what; names are checked by `parse_engine`."""

    backend: str
    variant: str | None
    device: torch.device
    precision: str
    """`auto`, `fp32`, `bf16`, `fp16` or `fp8`."""
    batch_size: int
    """Images denoised together, at most."""
    attention: str = "auto"
    cuda_graphs: bool = False
    vae_batch_size: int | None = None
    """Images decoded together, at most; None is `batch_size`."""
    generate_size: tuple[int, int] | None = None
    """Height and width in pixels of the images that the model makes; None is the model's own."""
    parts: PartsChoice = field(default_factory=PartsChoice)
    """What to take in place of the model's own parts."""
    first_steps: bool = False
    """Whether the model's own UNet takes the first steps of a distilled one's; see `find_parts`."""
    deep_cache: bool = False
    """Whether steps can reuse deep features of earlier ones; see `deep_cache`."""
    encodes: bool = False
    """Whether images can be encoded, too."""
    decodes: bool = True
    """Whether latents can be decoded to images."""
    record_steps: RecordSteps | None = None
    """What precisions that are calibrated take the inputs of steps from."""


@dataclass(frozen=True)
class ModelEngines:
    """A model ready to run: text encoder, denoising step and what of the VAE is needed."""

    info: ModelInfo
    text_encoder: Engine
    denoise: Engine
    dtype: torch.dtype
    """Of the denoiser's weights and of the text embeddings that it takes."""
    generate_size: tuple[int, int]
    """Height and width in pixels of the images that the VAE gives, or takes."""
    vae_decoder: Engine | None = None
    """Latents to images; there only where the choice `decodes`."""
    denoise_first: Engine | None = None
    """A step of the model's own UNet, where `denoise` is of a distilled one."""
    denoise_shallow: Engine | None = None
    """A step that takes the `deep_features` which `denoise` gave in an earlier one."""
    vae_encoder: Engine | None = None
    """Images, uint8 `[B, H, W, 3]`, to latents; there only where the choice `encodes`."""

    @property
    def backend(self) -> str:
        """Name of the backend."""
        return self.denoise.backend


def parse_engine(name: str) -> tuple[str, str | None]:
    """Backend and variant of an engine's name such as `torch` or `onnxruntime:cuda`."""
    backend, _, variant = name.partition(":")
    if backend not in VARIANTS:
        raise unknown("engine", name, ["auto", *VARIANTS])
    if variant and variant not in VARIANTS[backend]:
        raise unknown(f"variant of engine {backend}", variant, VARIANTS[backend] or ["none"])
    return backend, variant or None


def image_sides(info: ModelInfo, size: tuple[int, int] | None) -> tuple[int, int]:
    """Height and width in pixels: `size`, or the model's own.

    Raises `InputError` for a size that the model cannot make.
    """
    if size is None:
        return info.image_side, info.image_side
    unit = info.vae_scale * info.unet_scale
    for side in size:
        if side < unit or side % unit:
            lower = side // unit * unit
            nearest = f"{lower} or {lower + unit}" if lower > 0 else f"{unit}"
            raise InputError(
                f"images with a side of {side} pixels cannot be generated: the VAE divides sides "
                f"by {info.vae_scale} and the UNet by {info.unet_scale}, so give {nearest}"
            )
    return size


def model_engines(
    info: ModelInfo,
    engines: Mapping[str, Engine],
    dtype: torch.dtype,
    generate_size: tuple[int, int],
) -> ModelEngines:
    """`engines` by the names of their graphs; see `ModelEngines`."""
    return ModelEngines(
        info=info,
        text_encoder=engines[TEXT_ENCODER],
        denoise=engines[DENOISE],
        dtype=dtype,
        generate_size=generate_size,
        vae_decoder=engines.get(VAE_DECODER),
        denoise_first=engines.get(DENOISE_FIRST),
        denoise_shallow=engines.get(DENOISE_SHALLOW),
        vae_encoder=engines.get(VAE_ENCODER),
    )


def with_graphs(engines: dict[str, Engine], choice: EngineChoice) -> dict[str, Engine]:
    """`engines` that replay their work as CUDA graphs, where the choice asks for it.

    That is the VAE decoder. Denoising steps stay as they are, for whoever takes them to record all
    steps as one graph; prompts come in any number, each of which would have to be recorded.
    """
    if not choice.cuda_graphs:
        return engines
    if choice.device.type != "cuda":
        raise InputError(
            f"CUDA graphs need a CUDA device, not {choice.device.type!r}: leave them out"
        )
    return {
        name: CudaGraphEngine(engine) if name == VAE_DECODER else engine
        for name, engine in engines.items()
    }


def check_float8_engine(name: str) -> None:
    """Raise `InputError` for the name of an engine that has no precision fp8.

    Not even `auto` has it: it changes the images.
    """
    has = {"onnxruntime": "fp32 and fp16"}
    backend = name.partition(":")[0]
    if name not in ("torch:compiled", "torch:simulated", "tensorrt"):
        raise InputError(
            f"precision {FP8!r} was asked for, engine {name!r} has "
            f"{has.get(backend, 'fp32, bf16 and fp16')}: name engine 'torch:compiled' or "
            "'tensorrt', on a GPU"
        )


def _check_float8(choice: EngineChoice) -> None:
    """Raise `InputError` where precision fp8, or its simulation, is not to be had."""
    engine = f"{choice.backend}:{choice.variant}" if choice.variant else choice.backend
    if choice.precision != FP8:
        raise InputError(
            f"engine {engine!r} shows what precision {FP8!r} does to images, and precision "
            f"{choice.precision!r} was asked for: give --precision {FP8}, or use engine 'torch'"
        )
    check_float8_engine(engine)
    device = choice.device
    if choice.variant == "simulated":
        return
    if device.type != "cuda":
        raise InputError(
            f"precision {FP8!r} was asked for, {device.type!r} has fp32 and bf16: use one of "
            "these, or a GPU of compute capability 8.9 or above (engine 'torch:simulated' shows "
            "what it does to images, without its speed)"
        )
    capability = torch.cuda.get_device_capability(device)
    if capability < _FLOAT8_CAPABILITY:
        raise InputError(
            f"precision {FP8!r} was asked for, {torch.cuda.get_device_name(device)!r} of compute "
            f"capability {capability[0]}.{capability[1]} has fp32, bf16 and fp16: use one of "
            "these, or a GPU of 8.9 or above"
        )


def check_choice(choice: EngineChoice) -> None:
    """Raise `InputError` for what the choice's engine cannot do whatever the model is."""
    if choice.precision == FP8 or choice.variant == "simulated":
        _check_float8(choice)
    if choice.backend == "torch":
        return
    levers = {"deep cache": choice.deep_cache, "first steps": choice.first_steps}
    for lever, is_on in levers.items():
        if is_on:
            raise InputError(
                f"{lever} is not supported by engine {choice.backend!r}: use engine 'torch'"
            )
    if choice.backend == "onnxruntime" and choice.cuda_graphs:
        raise InputError(
            "CUDA graphs cannot hold what engine 'onnxruntime' runs: leave them out, or use "
            "engine 'torch' or 'tensorrt'"
        )
    if choice.backend == "tensorrt" and choice.device.type != "cuda":
        raise InputError(
            f"engine 'tensorrt' runs on CUDA devices, not on {choice.device.type!r}: choose another"
        )
