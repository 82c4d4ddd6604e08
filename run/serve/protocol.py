"""Requests and answers of the Open Inference protocol, KServe's version 2.

https://github.com/kserve/open-inference-protocol, and Triton's extension for binary tensors:
https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ...base.errors import InputError, unknown
from ...base.foreign import ForeignValues, check_values
from ...base.limits import LimitError
from ...base.printable import short
from ...base.reading import parse_json
from ...export.classifier.graph import INPUT, OUTPUTS, REJECTED

VERSION = "1"
"""Of the model: a server has one."""
HEADER_LENGTH = "Inference-Header-Content-Length"
"""The header that says how many bytes of a body are JSON; tensors follow."""
DATATYPES = {OUTPUTS[0]: "FP32", OUTPUTS[1]: "INT64", OUTPUTS[2]: "FP32", REJECTED: "BOOL"}

_WHERE = "the request"
_REMEDY = "see the Open Inference protocol"
_SIZE, _BINARY, _ALL_BINARY = "binary_data_size", "binary_data", "binary_data_output"


class _Tensor(ForeignValues):
    name: str
    shape: list[int]
    datatype: str
    data: Any = None
    parameters: dict[str, Any] = Field(default_factory=dict)


class _Output(ForeignValues):
    name: str
    parameters: dict[str, Any] = Field(default_factory=dict)


class _Request(ForeignValues):
    inputs: list[_Tensor]
    id: str | None = None
    outputs: list[_Output] | None = None
    parameters: dict[str, Any] = Field(default_factory=dict)


@dataclass(frozen=True)
class Bounds:
    """The most that a request may hold."""

    images: int
    pixels: int
    """Of each image."""


@dataclass(frozen=True)
class Inference:
    """What a client asks for."""

    images: NDArray[np.uint8]
    """`[N, H, W, 3]`."""
    outputs: Mapping[str, bool]
    """The outputs that are wanted, in order, and whether each is to be binary."""
    id: str | None


def read_inference(
    body: bytes, header_length: str | None, outputs: Sequence[str], bounds: Bounds
) -> Inference:
    """What `body` asks of a model that has these `outputs`.

    `header_length` is what `HEADER_LENGTH` said. Raises `InputError` for what is no such request,
    and `LimitError` for more than `bounds`.
    """
    head, tensors = _split(body, header_length)
    try:
        content = parse_json(head.decode(), _WHERE)
    except InputError:
        raise
    except ValueError as error:
        raise InputError(f"{_WHERE} is not valid JSON ({error}): {_REMEDY}") from None
    request = check_values(_Request, content, _WHERE, _REMEDY)
    if [one.name for one in request.inputs] != [INPUT]:
        names = short([one.name for one in request.inputs])
        raise InputError(f"{_WHERE} has the inputs {names}: give {INPUT!r} alone")
    images = _images(request.inputs[0], tensors, bounds)
    return Inference(images, _wanted(request, outputs), request.id)


def write_inference(
    inference: Inference, model: str, found: Mapping[str, NDArray[Any]]
) -> tuple[bytes, int | None]:
    """The body of an answer, and how many of its bytes are JSON where tensors follow."""
    described, binary = list[dict[str, Any]](), list[bytes]()
    for name, is_binary in inference.outputs.items():
        values = found[name]
        one: dict[str, Any] = {
            "name": name,
            "datatype": DATATYPES[name],
            "shape": list(values.shape),
        }
        if is_binary:
            binary.append(np.ascontiguousarray(values, values.dtype.newbyteorder("<")).tobytes())
            one["parameters"] = {_SIZE: len(binary[-1])}
        else:
            one["data"] = values.ravel().tolist()
        described.append(one)
    answer: dict[str, Any] = {"model_name": model, "model_version": VERSION}
    if inference.id is not None:
        answer["id"] = inference.id
    head = json.dumps({**answer, "outputs": described}, allow_nan=False).encode()
    return b"".join((head, *binary)), len(head) if binary else None


def _split(body: bytes, header_length: str | None) -> tuple[bytes, bytes | None]:
    """The JSON of a body, and the tensors behind it, if there may be any."""
    if header_length is None:
        return body, None
    if re.fullmatch(r"[0-9]{1,18}", header_length) is None:
        raise InputError(f"{HEADER_LENGTH} is {short(header_length)}: give a number of bytes")
    length = int(header_length)
    if not 0 < length <= len(body):
        raise InputError(
            f"{HEADER_LENGTH} is {length} and the body has {len(body)} bytes: give how many of "
            "them are JSON, at least 1"
        )
    return body[:length], body[length:]


def _images(tensor: _Tensor, binary: bytes | None, bounds: Bounds) -> NDArray[np.uint8]:
    """The input's values, uint8 `[N, H, W, 3]`."""
    shape, where = tensor.shape, f"input {INPUT!r}"
    if tensor.datatype != "UINT8":
        raise InputError(f"{where} has the datatype {short(tensor.datatype)}: give UINT8")
    if len(shape) != 4 or min(shape) < 1 or shape[3] != 3:
        raise InputError(f"{where} has the shape {short(shape)}: give [N, H, W, 3], all above 0")
    if shape[0] > bounds.images:
        raise LimitError(f"{where} has {short(shape[0])} images: at most {bounds.images} are taken")
    if shape[1] * shape[2] > bounds.pixels:
        raise LimitError(
            f"{where} has {short(shape[1])} x {short(shape[2])} pixels: at most {bounds.pixels} "
            "are taken"
        )
    if others := tensor.parameters.keys() - {_SIZE}:
        raise InputError(f"{where} has the parameter {short(min(others))}: {_SIZE} alone is known")
    needed = prod(shape)
    if _SIZE not in tensor.parameters:
        if binary:
            raise InputError(f"{len(binary)} bytes follow the JSON: say so by {_SIZE}")
        return _listed(tensor.data, needed, where).reshape(shape)
    size = tensor.parameters[_SIZE]
    if tensor.data is not None:
        raise InputError(f"{where} has both data and {_SIZE}: give one of them")
    has = 0 if binary is None else len(binary)
    if type(size) is not int or not size == needed == has:
        raise InputError(
            f"{where} takes {needed} bytes by its shape, {_SIZE} is {short(size)}, and {has} "
            f"follow the JSON: these must be the same, with {HEADER_LENGTH}"
        )
    return np.frombuffer(binary or b"", np.uint8).reshape(shape)


def _listed(data: Any, needed: int, where: str) -> NDArray[np.uint8]:
    """The values of lists, nested as the shape is or flat: uint8 `[needed]`."""
    for _ in range(3):
        if isinstance(data, list) and data and all(type(one) is list for one in data):
            data = list(chain.from_iterable(data))
    if not isinstance(data, list) or set(map(type, data)) != {int}:  # True is no number here
        raise InputError(f"{where} has no list of whole numbers as data: give one, or {_SIZE}")
    if len(data) != needed:
        raise InputError(f"{where} has {len(data)} numbers, and by its shape {needed}: see to it")
    if min(data) < 0 or max(data) > 255:
        raise InputError(f"{where} has numbers that are no UINT8: give 0 to 255")
    return np.array(data, np.uint8)


def _wanted(request: _Request, outputs: Sequence[str]) -> dict[str, bool]:
    """The outputs that are asked for, and whether each is to be binary."""
    by_default = _switch(request.parameters, _ALL_BINARY, False)
    if not request.outputs:
        return dict.fromkeys(outputs, by_default)
    wanted: dict[str, bool] = {}
    for one in request.outputs:
        if one.name not in outputs:
            raise unknown("output", one.name, outputs)
        if one.name in wanted:
            raise InputError(f"output {one.name!r} is asked for twice: ask once")
        if others := one.parameters.keys() - {_BINARY}:
            raise InputError(
                f"output {one.name!r} has the parameter {short(min(others))}: {_BINARY} alone is "
                "known"
            )
        wanted[one.name] = _switch(one.parameters, _BINARY, by_default)
    return wanted


def _switch(parameters: Mapping[str, Any], name: str, default: bool) -> bool:
    value = parameters.get(name, default)
    if type(value) is not bool:
        raise InputError(f"parameter {name} is {short(value)}: give true or false")
    return value
