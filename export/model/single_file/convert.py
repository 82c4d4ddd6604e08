"""A single-file checkpoint of Stable Diffusion as the folder that `diffusers` would save of it."""

from __future__ import annotations

import logging
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from ....base.digest import key_digest
from ....base.tensor_files import load_tensors
from ....engine.cache import Cache
from ....engine.cache_entry import CacheKey
from ..json_files import write_json
from ..random_weights import Architecture, architecture, bare_modules, write_index
from ..safetensors_header import read_header
from .kind import UNET, FileKind, file_kind
from .mapping import Tensors, converted
from .tokenizer import write_tokenizer

_log = logging.getLogger(__name__)

_FORMAT = 1
"""Of the folders that are written here; another number has them written again."""
_TELLTALE = f"{UNET}output_blocks.11.1.transformer_blocks.0.norm1.bias"
_LEAST_SPREAD_OF_V = 0.09  # of its values; ComfyUI's way to tell the published models apart
_SAMPLE_SIZE = "sample_size"
_WIDEST_FIRST = (torch.float64, torch.float32, torch.bfloat16, torch.float16)


def unpacked(path: Path) -> Path:
    """The folder that was made of the checkpoint `path`, in the user's cache; made at first use.

    It is made again when the file changes. Raises `InputError` for a file that is damaged, or holds
    anything but a whole Stable Diffusion model.
    """
    path, state = path.resolve(), path.stat()
    return _unpacked(path, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns)


@cache
def _unpacked(path: Path, *state: int) -> Path:
    """The folder of a file in that state, looked for once in a process: checking reads it whole."""
    kind = file_kind(path, read_header(path))
    libraries = ("diffusers", "transformers")
    key = CacheKey(
        kind="single-file",
        name=path.name,
        graph=key_digest({"path": str(path), "state": state}),
        options={"format": _FORMAT},
        library=" ".join(f"{name} {metadata.version(name)}" for name in libraries),
        device="any",
        driver=None,
    )
    entry = Cache().get(key, lambda partial: _write(path, kind, partial / path.stem))
    return entry / path.stem


def _write(path: Path, kind: FileKind, folder: Path) -> None:
    _log.warning("%s is converted to a folder of diffusers, in the cache, once", path)
    file = load_tensors(path, "model file")
    description = _described(kind, file, path)
    modules = bare_modules(description)
    for part, tensors in converted(path, file, modules).items():
        _write_part(folder / part, modules[part], tensors)
    for part in [name for name in modules if name.startswith("text_encoder")]:
        # The published folders of 2.x and of XL's second encoder fill up with token 0.
        pads_with_0 = kind.family == "sd21" or part == "text_encoder_2"
        tokenizer = folder / part.replace("text_encoder", "tokenizer")
        write_tokenizer(tokenizer, "!" if pads_with_0 else None)
    write_json(folder / "scheduler" / "scheduler_config.json", description["scheduler"])
    write_index(description, folder)


def _described(kind: FileKind, file: Tensors, path: Path) -> Architecture:
    """The architecture of a file, with the scheduler that its family was published with."""
    from diffusers.loaders.single_file_utils import SCHEDULER_DEFAULT_CONFIG

    description = architecture(kind.family)
    scheduler: dict[str, Any] = {**SCHEDULER_DEFAULT_CONFIG, "clip_sample": False}
    predicts_v = kind.v_prediction
    if predicts_v is None:
        predicts_v = kind.family == "sd21" and _looks_like_v(file)
        if kind.family == "sd21":
            _log.warning(
                "%s does not say what it predicts: by its weights, %s",
                path,
                "v (Stable Diffusion 2.x for 768 pixels)" if predicts_v else "noise (512 pixels)",
            )
    scheduler["prediction_type"] = "v_prediction" if predicts_v else "epsilon"
    if kind.zero_snr:
        scheduler["rescale_betas_zero_snr"] = True
    own = description["scheduler"]["_class_name"]
    description["scheduler"] = {"_class_name": own, **scheduler}
    if kind.family == "sd21" and not predicts_v:
        description["unet"] |= {_SAMPLE_SIZE: architecture("sd-turbo")["unet"][_SAMPLE_SIZE]}
    return description


def _looks_like_v(file: Tensors) -> bool:
    found = file.get(_TELLTALE)
    return found is not None and float(found.float().std(correction=0)) > _LEAST_SPREAD_OF_V


def _write_part(folder: Path, module: Any, tensors: Tensors) -> None:
    from safetensors.torch import save_file

    folder.mkdir(parents=True)
    is_text_encoder = hasattr(module.config, "save_pretrained")
    if is_text_encoder:
        stored = {tensor.dtype for tensor in tensors.values()}
        # `transformers` loads in the dtype that stands here.
        module.config.dtype = next(dtype for dtype in _WIDEST_FIRST if dtype in stored)
        module.config.architectures = [type(module).__name__]
        module.config.save_pretrained(folder)
    else:
        module.save_config(folder)
    name = "model" if is_text_encoder else "diffusion_pytorch_model"
    save_file(tensors, folder / f"{name}.safetensors", metadata={"format": "pt"})
