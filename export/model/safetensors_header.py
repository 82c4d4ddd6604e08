"""The header of a safetensors file: what it holds, without reading any weight."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...base.errors import InputError


@dataclass(frozen=True)
class Header:
    """The tensors of a whole file, by their names."""

    shapes: Mapping[str, tuple[int, ...]]
    dtypes: Mapping[str, str]
    """As the format names them: F32, BF16, F16, I64."""
    metadata: Mapping[str, str]


def read_header(path: Path, kind: str = "model") -> Header:
    """The header of a file whose size is what it promises; `InputError` for any other.

    `kind` says in errors what the file was given for.
    """
    size = os.path.getsize(path)
    try:
        with path.open("rb") as file:
            header_size = int.from_bytes(file.read(8), "little")
            if header_size > size:
                raise ValueError("its header is cut off")
            content: dict[str, Any] = json.loads(file.read(header_size))
        metadata = content.pop("__metadata__", {})
        ends = [tensor["data_offsets"][1] for tensor in content.values()]
        header = Header(
            {name: tuple(tensor["shape"]) for name, tensor in content.items()},
            {name: tensor["dtype"] for name, tensor in content.items()},
            {str(name): str(value) for name, value in metadata.items()},
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{kind} file {str(path)!r} is not a safetensors file ({error}): copy it again"
        ) from None
    expected = 8 + header_size + max(ends, default=0)
    if size != expected:
        raise InputError(
            f"{kind} file {str(path)!r} has {size} bytes where its header promises {expected}: "
            "it is truncated or damaged, copy it again"
        )
    return header
