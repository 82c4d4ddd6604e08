"""Loading the parts of a model with `diffusers` and `transformers`, one at a time."""

from __future__ import annotations

import inspect
from collections.abc import Container, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from ...base.errors import InputError, unknown
from .json_files import read_json
from .model_info import ModelInfo
from .vae_folder import vae_class

if TYPE_CHECKING:
    from diffusers import AutoencoderKL, AutoencoderTiny, SchedulerMixin, UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTokenizer

SPACINGS = ("leading", "linspace", "trailing")
"""How a scheduler spreads its timesteps (arXiv 2305.08891, table 2)."""


def load_tokenizers(folder: Path, info: ModelInfo) -> list[CLIPTokenizer]:
    """The tokenizer of each text encoder."""
    from transformers import CLIPTokenizer

    names = [name.replace("text_encoder", "tokenizer") for name in info.text_encoders]
    with _one_sentence(folder):
        return [CLIPTokenizer.from_pretrained(folder, subfolder=name) for name in names]


def load_text_encoders(
    folder: Path, info: ModelInfo, dtype: torch.dtype | None
) -> list[CLIPTextModel]:
    """The text encoders in `dtype` (None: as stored), in eval mode, on the CPU."""
    import transformers

    index = read_json(folder / "model_index.json")
    with _one_sentence(folder), _no_loading_bar():
        encoders = [
            getattr(transformers, index[name][1]).from_pretrained(
                folder,
                subfolder=name,
                dtype=dtype or "auto",
                use_safetensors=True,
                trust_remote_code=False,
            )
            for name in info.text_encoders
        ]
    return [_frozen(encoder) for encoder in encoders]


def load_unet(folder: Path, dtype: torch.dtype | None) -> UNet2DConditionModel:
    """The UNet of its own `folder` in `dtype` (None: as stored), in eval mode, on the CPU."""
    from diffusers import UNet2DConditionModel

    return _load_diffusers(UNet2DConditionModel, folder, dtype)


def load_vae(folder: Path, dtype: torch.dtype | None) -> AutoencoderKL | AutoencoderTiny:
    """The VAE whose own folder is given, in `dtype` (None: as stored), in eval mode, on the CPU."""
    import diffusers

    return _load_diffusers(getattr(diffusers, vae_class(folder)), folder, dtype)


def _load_diffusers(kind: Any, folder: Path, dtype: torch.dtype | None) -> Any:
    stored = dtype or stored_dtype(folder)
    with _one_sentence(folder):
        module = kind.from_pretrained(
            folder,
            torch_dtype=stored,
            use_safetensors=True,
            low_cpu_mem_usage=False,
        )
    return _frozen(module)


def _frozen(module: Any) -> Any:
    assert isinstance(module, nn.Module)
    return module.eval().requires_grad_(False)


@contextmanager
def _one_sentence(folder: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, RuntimeError, KeyError, TypeError) as error:
        if isinstance(error, InputError):
            raise
        reason = " ".join(str(error).split())[:300]
        raise InputError(f"model folder {str(folder)!r} cannot be loaded: {reason}") from None


@contextmanager
def _no_loading_bar() -> Iterator[None]:
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def stored_dtype(part: Path) -> torch.dtype:
    """The widest floating dtype among the tensors of a part's safetensors files."""
    from safetensors import safe_open

    from .model_folder import weight_files

    names = set()
    for path in weight_files(part):
        with safe_open(path, "pt") as file:
            names |= {file.get_slice(key).get_dtype() for key in file.keys()}  # noqa: SIM118
    for name, dtype in (("F32", torch.float32), ("BF16", torch.bfloat16), ("F16", torch.float16)):
        if name in names:
            return dtype
    raise InputError(f"model folder {str(part)!r} has no floating-point weights: copy it again")


def load_scheduler(folder: Path, name: str | None = None) -> SchedulerMixin:
    """The folder's scheduler, or another one by `name` with the folder's noise schedule.

    After a colon the name may have the spacing of timesteps: `Euler:trailing`.
    """
    import diffusers
    from diffusers.schedulers import KarrasDiffusionSchedulers

    config = read_json(folder / "scheduler" / "scheduler_config.json")
    known = {kind.name for kind in KarrasDiffusionSchedulers} | {"LCMScheduler"}
    named, _, spacing = (name or "").partition(":")
    chosen = named or config.get("_class_name", "")
    if chosen not in known and f"{chosen}Scheduler" in known:
        chosen = f"{chosen}Scheduler"
    if chosen not in known:
        short_names = [full.removesuffix("Scheduler") for full in known]
        raise unknown("scheduler", chosen.removesuffix("Scheduler"), short_names)
    kind = getattr(diffusers, chosen)
    takes = inspect.signature(kind.__init__).parameters
    # Latents are not bounded: some schedulers would clip them to -1..1 if not told otherwise.
    changes: dict[str, Any] = {"clip_sample": False} if "clip_sample" in takes else {}
    if spacing:
        changes["timestep_spacing"] = _spacing(chosen, spacing, takes)
    try:
        return kind.from_config(config, **changes)
    except ImportError as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"scheduler {chosen.removesuffix('Scheduler')!r} needs a library that is not installed "
            f"({reason}): install it, or choose another scheduler"
        ) from None


def _spacing(scheduler: str, spacing: str, takes: Container[str]) -> str:
    """A spacing of timesteps that the scheduler knows; `InputError` for any other."""
    if spacing not in SPACINGS:
        raise unknown("spacing of timesteps", spacing, SPACINGS)
    if "timestep_spacing" not in takes:
        name = scheduler.removesuffix("Scheduler")
        raise InputError(
            f"spacing {spacing!r} was asked for, scheduler {name!r} has one of its own: leave "
            f"':{spacing}' out"
        )
    return spacing
