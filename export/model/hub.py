"""Models on the Hugging Face hub: the files of one that are needed, fetched into its cache."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from ...base.errors import InputError
from .json_files import read_json

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+(@[\w./-]+)?")
_PARTS = re.compile(r"unet|vae|scheduler|(text_encoder|tokenizer)(_2)?")
_OURS = ("few_step_unet", "tiny_vae")
"""What models that zeroreal made bring along, of which `model_index.json` says nothing."""
_FILES = ("*.json", "*.txt", "*.safetensors", "*.model")
_VARIANTS = "*.*.safetensors"
"""Of `model.fp16.safetensors`: read only where there are no plain files."""


def is_hub_id(name: str) -> bool:
    """Whether `name` has the form `owner/name` or `owner/name@revision`."""
    return _HUB_ID.fullmatch(name) is not None


def download(kind: str, hub_id: str, variant: str | None = None) -> Path:
    """The local snapshot of a hub id, with the files that are read and no others.

    Of a pipeline the parts that `model_index.json` names, of a part by itself what is not in
    folders; of weights those of the `variant`, or else the plain files, or the variants that there
    are. `kind` says in errors what was looked for.
    """
    folder = _fetch(kind, hub_id, ["model_index.json"])
    if not (folder / "model_index.json").is_file():
        folder = _fetch(kind, hub_id, _FILES, ["*/*", _VARIANTS])
        if not any(folder.glob("*.safetensors")):
            folder = _fetch(kind, hub_id, ["*.safetensors"], ["*/*"])
        return folder
    parts = [part for part in read_json(folder / "model_index.json") if _PARTS.fullmatch(part)]
    parts += _OURS
    weighty = [part for part in parts if not part.startswith(("scheduler", "tokenizer"))]
    if variant is not None:
        files = (*_FILES[:2], f"*.{variant}.safetensors", f"*.{variant}-*.safetensors")
        _fetch(kind, hub_id, _in(parts, files))
        lacking = [part for part in weighty if not any((folder / part).glob(f"*.{variant}[.-]*"))]
        if lacking:
            _fetch(kind, hub_id, _in(lacking, ["*.safetensors"]), [_VARIANTS])
        return folder
    _fetch(kind, hub_id, _in(parts, _FILES), [_VARIANTS])
    bare = [part for part in weighty if not any((folder / part).glob("*.safetensors"))]
    if bare:
        _fetch(kind, hub_id, _in(bare, ["*.safetensors"]))
    return folder


def _in(parts: Iterable[str], files: Sequence[str]) -> list[str]:
    return [f"{part}/{file}" for part in parts for file in files]


def check_no_cache_root(folder: Path, kind: str) -> None:
    """Raise `InputError` for a model's folder in the hub's cache, which holds it further down."""
    if not (folder / "snapshots").is_dir() or any(folder.glob("*.json")):
        return
    found = sorted((folder / "snapshots").iterdir(), key=lambda path: path.stat().st_mtime)
    remedy = f"give its snapshot {str(found[-1])!r}" if found else "fetch it again"
    raise InputError(f"{kind} folder {str(folder)!r} is the root of a cache of the hub: {remedy}")


def _fetch(kind: str, hub_id: str, files: Iterable[str], without: Iterable[str] = ()) -> Path:
    from huggingface_hub import snapshot_download

    name, _, revision = hub_id.partition("@")
    try:
        found = snapshot_download(
            name,
            revision=revision or None,
            allow_patterns=list(files),
            ignore_patterns=list(without),
        )
    except Exception as error:  # the hub client raises many kinds, from DNS to licence gates
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InputError(
            f"{kind} {hub_id!r} is not a local folder and could not be fetched from the hub "
            f"({reason}): check the name and the network, or give a folder"
        ) from None
    return Path(found)
