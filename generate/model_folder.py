"""Reading a Stable Diffusion style folder, checked first: mistakes get one clear sentence."""

from __future__ import annotations

import inspect
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ..assets import TINY_FASHION
from ..engine.errors import InputError, unknown

if TYPE_CHECKING:
    from diffusers import AutoencoderKL, SchedulerMixin, UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTokenizer

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
_WEIGHT_FOLDERS = ("text_encoder", "unet", "vae")
_PICKLES = (".bin", ".ckpt", ".pt", ".pth")


@dataclass(frozen=True)
class Components:
    """The parts of a text-conditional latent diffusion model, in eval mode."""

    tokenizer: CLIPTokenizer
    text_encoder: CLIPTextModel
    unet: UNet2DConditionModel
    vae: AutoencoderKL
    scheduler: SchedulerMixin


def find_model(name: str | Path | None) -> Path:
    """The folder of a model: the embedded one, a local folder, or a hub id's local snapshot."""
    if name is None:
        return TINY_FASHION
    folder = Path(name)
    if folder.is_dir():
        return folder
    if _HUB_ID.fullmatch(str(name)) and not folder.exists():
        return _download(str(name))
    raise InputError(
        f"model folder {str(name)!r} does not exist: give a folder that diffusers saved, a hub id "
        "such as 'owner/name', or leave it out for the embedded model"
    )


def _download(hub_id: str) -> Path:
    from huggingface_hub import snapshot_download

    try:
        found = snapshot_download(hub_id, allow_patterns=["*.json", "*.txt", "*.safetensors"])
    except Exception as error:  # the hub client raises many kinds, from DNS to licence gates
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InputError(
            f"model {hub_id!r} is no local folder and could not be fetched from the hub "
            f"({reason}): check the name and the network, or give a folder"
        ) from None
    return Path(found)


def load_components(
    folder: Path, device: torch.device, dtype: torch.dtype, scheduler: str | None = None
) -> Components:
    """Load a checked folder onto `device` in `dtype`; `scheduler` overrides its own."""
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTokenizer

    check_model_folder(folder)
    try:
        with _no_loading_bar():
            text_encoder = CLIPTextModel.from_pretrained(
                folder, subfolder="text_encoder", dtype=dtype, use_safetensors=True
            )
        unet, vae = (
            kind.from_pretrained(
                folder,
                subfolder=part,
                torch_dtype=dtype,
                use_safetensors=True,
                low_cpu_mem_usage=False,
            )
            for part, kind in (("unet", UNet2DConditionModel), ("vae", AutoencoderKL))
        )
        tokenizer = CLIPTokenizer.from_pretrained(folder, subfolder="tokenizer")
    except (OSError, ValueError, RuntimeError, KeyError, TypeError) as error:
        reason = " ".join(str(error).split())[:300]
        raise InputError(f"model folder {str(folder)!r} cannot be loaded: {reason}") from None
    for module in (unet, vae):
        module.to(memory_format=torch.channels_last)
    for module in (text_encoder, unet, vae):
        module.to(device).eval().requires_grad_(False)
    return Components(tokenizer, text_encoder, unet, vae, load_scheduler(folder, scheduler))


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


def load_scheduler(folder: Path, name: str | None = None) -> SchedulerMixin:
    """The folder's scheduler, or another one by `name` with the folder's noise schedule."""
    import diffusers
    from diffusers.schedulers import KarrasDiffusionSchedulers

    config = _read_json(folder / "scheduler" / "scheduler_config.json")
    known = {kind.name for kind in KarrasDiffusionSchedulers} | {"LCMScheduler"}
    chosen = name or _read_json(folder / "model_index.json")["scheduler"][1]
    if chosen not in known and f"{chosen}Scheduler" in known:
        chosen = f"{chosen}Scheduler"
    if chosen not in known:
        short_names = [full.removesuffix("Scheduler") for full in known]
        raise unknown("scheduler", chosen.removesuffix("Scheduler"), short_names)
    kind = getattr(diffusers, chosen)
    # Latents are not bounded: some schedulers would clip them to -1..1 if not told otherwise.
    clips = "clip_sample" in inspect.signature(kind.__init__).parameters
    return kind.from_config(config, **({"clip_sample": False} if clips else {}))


def check_model_folder(folder: Path) -> None:
    """Raise `InputError` for the first file that is missing, truncated or only there as pickle."""
    index = _read_json(folder / "model_index.json")
    kind = index.get("_class_name")
    if kind != "StableDiffusionPipeline":
        raise InputError(
            f"model folder {str(folder)!r} holds a {kind}: this release generates with "
            "StableDiffusionPipeline folders only"
        )
    for part in (*_WEIGHT_FOLDERS, "scheduler", "tokenizer"):
        if not (folder / part).is_dir():
            raise InputError(
                f"model folder {str(folder)!r} lacks the folder {part!r}: copy it whole"
            )
    for part in _WEIGHT_FOLDERS:
        config = _read_json(folder / part / "config.json")
        if part == "unet" and config.get("time_cond_proj_dim") is not None:
            raise InputError(
                f"model {str(folder)!r} has a guidance-conditioned (LCM) UNet, which this release "
                "does not generate with: use a Stable Diffusion 1.x or 2.x model"
            )
        _check_weights(folder / part)


def _read_json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise InputError(
            f"model file {str(path)!r} is missing: give a whole folder that diffusers saved"
        )
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(
            f"model file {str(path)!r} is not valid JSON ({error}): copy it again"
        ) from None
    if not isinstance(content, dict):
        raise InputError(f"model file {str(path)!r} is not a JSON object: copy it again")
    return content


def _check_weights(folder: Path) -> None:
    files = sorted(folder.glob("*.safetensors"))
    for index in folder.glob("*.safetensors.index.json"):
        named = {folder / shard for shard in _read_json(index).get("weight_map", {}).values()}
        for shard in sorted(named - set(files)):
            raise InputError(f"model file {str(shard)!r} is missing: copy the folder whole")
    if not files:
        pickles = [path.name for path in folder.iterdir() if path.suffix in _PICKLES]
        if pickles:
            raise InputError(
                f"model folder {str(folder)!r} has its weights only as pickle ({pickles[0]}), "
                "which can run code when loaded: convert it to safetensors"
            )
        raise InputError(f"model folder {str(folder)!r} has no .safetensors file: copy it whole")
    for path in files:
        _check_safetensors(path)


def _check_safetensors(path: Path) -> None:
    """Compare a file's size with what its header promises, without reading the weights."""
    size = os.path.getsize(path)
    try:
        with path.open("rb") as file:
            header_size = int.from_bytes(file.read(8), "little")
            if header_size > size:
                raise ValueError("its header is cut off")
            header = json.loads(file.read(header_size))
        ends = [t["data_offsets"][1] for name, t in header.items() if name != "__metadata__"]
        expected = 8 + header_size + max(ends, default=0)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"model file {str(path)!r} is not a safetensors file ({error}): copy it again"
        ) from None
    if size != expected:
        raise InputError(
            f"model file {str(path)!r} has {size} bytes where its header promises {expected}: "
            "it is truncated or damaged, copy it again"
        )
