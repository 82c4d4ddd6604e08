"""Finding a Stable Diffusion style folder, and checking it before anything is loaded."""

from __future__ import annotations

import re
from itertools import chain
from pathlib import Path

from ...assets import TINY_FASHION
from ...base.errors import InputError
from ...base.limits import TEXT_BYTES
from ...base.reading import is_file, load_json
from .configuration import check_merges, check_sides, check_vocabulary, shard_names
from .hub import check_no_cache_root, download, is_hub_id
from .json_files import read_json
from .model_info import ModelInfo, read_model_info, text_encoder_values
from .safetensors_header import read_header
from .single_file.convert import unpacked

_PICKLES = (".bin", ".ckpt", ".pt", ".pth")
_TEXTS = (".txt", ".jinja", ".model", ".spm")
_TEMPLATES = "additional_chat_templates/*.jinja"  # which a tokenizer takes along


def find_model(name: str | Path | None, variant: str | None = None) -> Path:
    """The folder of a model: the embedded one, a local folder, or a hub id's local snapshot.

    Of a single-file checkpoint it is the folder in the user's cache that was made of it. `variant`
    is that of the weights that are wanted, of which the hub is asked for no others.
    """
    if name is None:
        return TINY_FASHION
    path = Path(name)
    if path.suffix == ".safetensors" and path.is_file():
        return unpacked(path)
    return find_folder(name, "model", "leave it out for the embedded model", variant)


def find_folder(
    name: str | Path,
    kind: str,
    otherwise: str,
    variant: str | None = None,
    library: str = "diffusers",
) -> Path:
    """The local folder called `name`, or the local snapshot of the hub id, `owner/name@revision`.

    `kind` says in errors what was looked for, `library` what saves such folders, and `otherwise`
    what else one can do than give one.
    """
    folder = Path(name)
    if folder.is_dir():
        check_no_cache_root(folder, kind)
        return folder
    if is_hub_id(str(name)) and not folder.exists():
        return download(kind, str(name), variant)
    if folder.exists():
        raise _file_for_folder(folder, kind, library)
    raise InputError(
        f"{kind} folder {str(name)!r} does not exist: give a folder that {library} saved, a "
        f"hub id such as 'owner/name', or {otherwise}"
    )


def _file_for_folder(path: Path, kind: str, library: str) -> InputError:
    """The error for a file where a folder is needed."""
    if path.suffix in _PICKLES:
        return InputError(
            f"{kind} file {str(path)!r} is a pickle, which can run code when loaded: give a "
            f"{'file or ' if kind == 'model' else ''}folder of safetensors"
        )
    return InputError(
        f"{kind} {str(path)!r} is a file: give a folder that {library} saved, or a hub id such as "
        "'owner/name'"
    )


def check_model_folder(folder: Path, wanted: str | None = None) -> ModelInfo:
    """What the folder holds; `InputError` for the first file that is missing or damaged.

    `wanted` is the variant of its weights, which at least one of its parts must have.
    """
    info = read_model_info(folder)
    parts = [folder / part for part in (*info.text_encoders, "unet", "vae")]
    for part in parts:
        check_weights(part, wanted)
    for name in (*info.tokenizers, "scheduler"):
        check_texts(folder / name)
    for name, encoder in zip(info.tokenizers, info.text_encoders, strict=True):
        vocabulary, size = folder / name / "vocab.json", text_encoder_values(folder / encoder)
        if vocabulary.is_file():
            check_vocabulary(vocabulary, read_json(vocabulary), size["vocab_size"])
    if wanted is not None and wanted not in {weight_variant(part, wanted) for part in parts}:
        there = {str(one) for part in parts for one in _variants(part) - {None}}
        known = f"has {', '.join(map(repr, sorted(there)))}" if there else "has plain ones only"
        raise InputError(
            f"variant {wanted!r} was asked for, model folder {str(folder)!r} {known}: give one "
            "that it has, or leave it out"
        )
    return info


def check_weights(folder: Path, wanted: str | None = None) -> None:
    """Raise `InputError` for the first weights file of one part that is missing or damaged."""
    shapes = [
        shape
        for path in weight_files(folder, wanted)
        for shape in read_header(path).shapes.values()
    ]
    check_texts(folder)
    check_sides(folder, read_json(folder / "config.json"), max(chain(*shapes), default=0))


def check_texts(folder: Path) -> None:
    """Raise `InputError` for JSON of one part that is damaged, and for what the limits refuse.

    The libraries that load it read all that lies there, however long or deep, and pipes, too.
    """
    for path in sorted((*folder.iterdir(), *folder.glob(_TEMPLATES))):
        if path.name == "vocab.json":
            check_vocabulary(path, read_json(path))
        elif path.name == "merges.txt":
            check_merges(path)
        elif path.suffix == ".json":
            load_json(path, "model file", "copy it again")
        elif is_file(path, "model file") and path.suffix in _TEXTS:
            TEXT_BYTES.check(path.stat().st_size, f"model file {str(path)!r}")


def weight_files(folder: Path, wanted: str | None = None) -> list[Path]:
    """The safetensors files of one part, by `weight_variant`.

    Raises `InputError` if one is missing, or if there are none that can be read.
    """
    variant = weight_variant(folder, wanted)
    files = [path for path in sorted(folder.glob("*.safetensors")) if _variant(path) == variant]
    for index in folder.glob(f"*.safetensors.index.{f'{variant}.' if variant else ''}json"):
        named = {folder / shard for shard in shard_names(index, read_json(index))}
        for shard in sorted(named - set(files)):
            raise InputError(f"model file {str(shard)!r} is missing: copy the folder whole")
    if files:
        return files
    raise _no_weights(folder)


def weight_variant(folder: Path, wanted: str | None = None) -> str | None:
    """Which variant of a part's weights is read, such as `fp16` of `model.fp16.safetensors`.

    The one that is `wanted`, where the part has it; else None, for plain files; else the only one
    that there is. Raises `InputError` where these leave several, or one that is not wanted.
    """
    variants = _variants(folder)
    if wanted in variants or None in variants or not variants:
        return wanted if wanted in variants else None
    names = ", ".join(repr(name) for name in sorted(map(str, variants)))
    if wanted is not None:
        raise InputError(
            f"variant {wanted!r} was asked for, model folder {str(folder)!r} has its weights as "
            f"{names} and none of them plain: give one that all parts have"
        )
    if len(variants) > 1:
        raise InputError(
            f"model folder {str(folder)!r} has its weights as variants {names} and none of them "
            "plain: choose one by --variant"
        )
    return next(iter(variants))


def _variants(folder: Path) -> set[str | None]:
    """All variants of a part's weights; None stands for plain files."""
    return {_variant(path) for path in folder.glob("*.safetensors")}


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
