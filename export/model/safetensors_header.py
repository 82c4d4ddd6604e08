"""The header of a safetensors file: what it holds, without reading any weight."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from operator import index
from pathlib import Path

from ...base.errors import InputError
from ...base.tensor_files import tensor_header


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
    try:
        content = tensor_header(path, f"{kind} file")
        metadata = content.pop("__metadata__", {})
        return Header(
            {name: tuple(map(index, tensor["shape"])) for name, tensor in content.items()},
            {name: str(tensor["dtype"]) for name, tensor in content.items()},
            {str(name): str(value) for name, value in metadata.items()},
        )
    except InputError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{kind} file {str(path)!r} is not a whole safetensors file ({error}): copy it again"
        ) from None
