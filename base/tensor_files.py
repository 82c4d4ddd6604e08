"""Opening safetensors files that somebody else may have written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .errors import InputError
from .limits import HEADER_BYTES
from .reading import open_regular, parse_json

_LENGTH_BYTES = 8  # of the header, little-endian (github.com/huggingface/safetensors, "Format")


def tensor_header(path: Path, what: str) -> dict[str, Any]:
    """What a file says of its tensors, by name, and `__metadata__`; the file is as long as it says.

    Raises `InputError` for a pipe or device and for a header over the limits, which calls the file
    `what`; `ValueError` for a file that is damaged, and `OSError` for one that cannot be read.
    """
    where = f"{what} {str(path)!r}"
    with open_regular(path, what) as file:
        size = os.fstat(file.fileno()).st_size
        length = int.from_bytes(file.read(_LENGTH_BYTES), "little")
        if size < _LENGTH_BYTES or length > size - _LENGTH_BYTES:
            raise ValueError("its header is cut off")
        HEADER_BYTES.check(length, where)
        header = parse_json(file.read(length).decode(), where)
    try:
        ends = [one["data_offsets"][1] for name, one in header.items() if name != "__metadata__"]
        expected = _LENGTH_BYTES + length + max(ends, default=0)
    except (LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"its header is no table of tensors: {error}") from None
    if size != expected:
        raise ValueError(
            f"{size} bytes where its header promises {expected}, so it is truncated or damaged"
        )
    assert isinstance(header, dict)
    return header


@contextmanager
def open_tensors(path: Path, what: str) -> Iterator[Any]:
    """The file opened by `safetensors`, for PyTorch; raises what `tensor_header` and that do."""
    from safetensors import safe_open  # not above: what reads no tensors can spare it

    tensor_header(path, what)
    with safe_open(path, framework="pt") as file:
        yield file


def load_tensors(path: Path, what: str) -> dict[str, Any]:
    """All tensors of a file, on the CPU, by name; `InputError` where it is damaged."""
    from safetensors import SafetensorError

    try:
        with open_tensors(path, what) as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except InputError:
        raise
    except (ValueError, SafetensorError) as error:
        raise InputError(
            f"{what} {str(path)!r} is not a whole safetensors file ({error}): copy it again"
        ) from None
