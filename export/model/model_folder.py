"""Finding a Stable Diffusion style folder, and checking it before anything is loaded."""

from __future__ import annotations

import re
from pathlib import Path

from ...assets import TINY_FASHION
from ...base.errors import InputError
from .hub import check_no_cache_root, download, is_hub_id
from .json_files import read_json
from .model_info import ModelInfo, read_model_info
from .safetensors_header import read_header
from .single_file.convert import unpacked

_PICKLES = (".bin", ".ckpt", ".pt", ".pth")


def find_model(name: str | Path | None) -> Path:
    """The folder of a model: the embedded one, a local folder, or a hub id's local snapshot.

    Of a single-file checkpoint it is the folder in the user's cache that was made of it.
    """
    if name is None:
        return TINY_FASHION
    path = Path(name)
    if path.suffix == ".safetensors" and path.is_file():
        return unpacked(path)
    return find_folder(name, "model", "for the embedded model")


def find_folder(name: str | Path, kind: str, default: str) -> Path:
    """The local folder called `name`, or the local snapshot of the hub id, `owner/name@revision`.

    `kind` says in errors what was looked for, and `default` what leaving it out is good for.
    """
    folder = Path(name)
    if folder.is_dir():
        check_no_cache_root(folder, kind)
        return folder
    if is_hub_id(str(name)) and not folder.exists():
        return download(kind, str(name))
    if folder.exists():
        raise _file_for_folder(folder, kind)
    raise InputError(
        f"{kind} folder {str(name)!r} does not exist: give a folder that diffusers saved, a hub id "
        f"such as 'owner/name', or leave it out {default}"
    )


def _file_for_folder(path: Path, kind: str) -> InputError:
    """The error for a file where a folder is needed."""
    if path.suffix in _PICKLES:
        return InputError(
            f"{kind} file {str(path)!r} is a pickle, which can run code when loaded: give a "
            f"{'file or ' if kind == 'model' else ''}folder of safetensors"
        )
    return InputError(
        f"{kind} {str(path)!r} is a file: give a folder that diffusers saved, or a hub id such as "
        "'owner/name'"
    )


def check_model_folder(folder: Path) -> ModelInfo:
    """What the folder holds; `InputError` for the first file that is missing or damaged."""
    info = read_model_info(folder)
    for part in (*info.text_encoders, "unet", "vae"):
        check_weights(folder / part)
    return info


def check_weights(folder: Path) -> None:
    """Raise `InputError` for the first weights file of one part that is missing or damaged."""
    for path in weight_files(folder):
        read_header(path)


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files of one part, by `weight_variant`.

    Raises `InputError` if one is missing, or if there are none that can be read.
    """
    variant = weight_variant(folder)
    files = [path for path in sorted(folder.glob("*.safetensors")) if _variant(path) == variant]
    for index in folder.glob(f"*.safetensors.index.{f'{variant}.' if variant else ''}json"):
        named = {folder / shard for shard in read_json(index).get("weight_map", {}).values()}
        for shard in sorted(named - set(files)):
            raise InputError(f"model file {str(shard)!r} is missing: copy the folder whole")
    if files:
        return files
    raise _no_weights(folder)


def weight_variant(folder: Path) -> str | None:
    """Which variant a part's weights are, such as `fp16` of `model.fp16.safetensors`.

    None where there are plain files, which go first; `InputError` for several variants without.
    """
    variants = {_variant(path) for path in folder.glob("*.safetensors")}
    if len(variants) > 1 and None not in variants:
        names = ", ".join(repr(name) for name in sorted(map(str, variants)))
        raise InputError(
            f"model folder {str(folder)!r} has its weights as variants {names} and none of them "
            "plain: leave one there"
        )
    return None if None in variants else next(iter(variants), None)


def _variant(path: Path) -> str | None:
    """`fp16` of `model.fp16.safetensors` and of `model.fp16-00001-of-00002.safetensors`."""
    _, dot, variant = path.stem.partition(".")
    return re.sub(r"-\d{5}-of-\d{5}$", "", variant) if dot else None


def _no_weights(folder: Path) -> InputError:
    pickles = [path.name for path in folder.glob("*") if path.suffix in _PICKLES]
    if pickles:
        return InputError(
            f"model folder {str(folder)!r} has its weights only as pickle ({pickles[0]}), "
            "which can run code when loaded: convert it to safetensors"
        )
    return InputError(f"model folder {str(folder)!r} has no .safetensors file: copy it whole")
