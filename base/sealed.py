"""Safetensors files that hold a digest of their text and numbers, so that a changed byte shows.

Shapes and types are for the reader to check, who knows which he expects.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save
from torch import Tensor

from .errors import InputError
from .tensor_files import open_tensors

_TEXT, _DIGEST = "state", "sha256"
_LENGTH = 8  # bytes of the header's length, before it


class DamagedFileError(Exception):
    """A file is not what was written; the message says why, and not which."""


@dataclass(frozen=True)
class Sealed:
    """What a file holds: a text and, by name, tensors on the CPU."""

    text: str | None
    """None where the file has no digest: somebody else wrote it, and nothing tells of changes."""
    tensors: dict[str, Tensor]


def sealed(tensors: Mapping[str, Tensor], text: str) -> bytes:
    """The file that holds `text` and `tensors`, contiguous and on the CPU, and their digest.

    The same bytes for the same content.
    """
    content = save(dict(tensors), {_TEXT: text, _DIGEST: _digest(text, tensors)})
    size = _LENGTH + int.from_bytes(content[:_LENGTH], "little")
    header = json.loads(content[_LENGTH:size])
    # The library writes these in an order that changes from call to call.
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    said = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    said += b" " * (-len(said) % _LENGTH)  # so that tensors stay aligned
    return b"".join((len(said).to_bytes(_LENGTH, "little"), said, memoryview(content)[size:]))


def read_sealed(path: Path) -> Sealed:
    """What the file at `path` holds; `DamagedFileError` unless it is whole and matches its digest.

    A file that cannot be read raises `OSError`; one that is no file, or whose header is over the
    limits, `InputError`.
    """
    try:
        with open_tensors(path, "file") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except InputError:
        raise
    except (SafetensorError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise DamagedFileError(" ".join(str(error).split())[:200]) from None
    if not {_TEXT, _DIGEST} & header.keys():
        return Sealed(None, tensors)
    if _digest(header.get(_TEXT, ""), tensors) != header.get(_DIGEST):
        raise DamagedFileError("its digest does not match")
    return Sealed(header[_TEXT], tensors)


def _digest(text: str, tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(_bytes(tensors[name]))
    return digest.hexdigest()


def _bytes(tensor: Tensor) -> Any:
    return tensor.reshape(-1).view(torch.uint8).numpy().data if tensor.numel() else b""
