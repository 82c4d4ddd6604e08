"""A classifier as OpenVINO's files: a graph, .xml, and its weights in halves beside it, .bin."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ...base.errors import InputError
from ...base.limits import MODEL_BYTES
from ...base.reading import read_bytes
from .description import REMEDY, Description, description_of
from .files import DIGEST
from .graph import INPUT, OUTPUTS, REJECTED, Found, Runner

_OURS = "zeroreal"
"""The part of the graph's `rt_info` that holds the description."""
_BLANK = "0" * 64
# Not that of the ONNX file, which OpenVINO takes over elsewhere.
_WRITTEN = re.compile(rf'<{_OURS}>.*?<{DIGEST} value="([0-9a-f]{{64}})"'.encode(), re.DOTALL)
_AGAIN = "deploy the run again"


def check_openvino() -> None:
    """Raise `InputError` where OpenVINO is not installed."""
    try:
        import openvino  # noqa: F401
    except ImportError:
        raise InputError(
            "openvino files need OpenVINO, which is not installed: pip install "
            "'zeroreal[openvino]', or leave openvino out of --to"
        ) from None


def weights_beside(path: Path) -> Path:
    """The file of the weights that belong to the graph in `path`."""
    return path.with_suffix(".bin")


def write_openvino(float_file: Path, description: Description, path: Path) -> None:
    """Write the graph of an ONNX file of ours to `path`, whose suffix is `.xml`."""
    check_openvino()
    import openvino

    # Not by `convert_model`, which tells Intel's servers that it was used.
    model = openvino.Core().read_model(float_file)
    for name, text in {**description.properties(), DIGEST: _BLANK}.items():
        model.set_rt_info(text, [_OURS, name])
    openvino.save_model(model, path, compress_to_fp16=True)
    blank, weights = (_read(part, "the file") for part in (path, weights_beside(path)))
    found = _WRITTEN.search(blank)
    assert found is not None
    begin, end = found.span(1)
    digest = _digest(blank, weights).encode()
    path.write_bytes(b"".join((blank[:begin], digest, blank[end:])))


def read_openvino(path: Path) -> tuple[Description, Runner]:
    """What a graph of ours says of itself, and what runs it on the CPU.

    It computes in the precision that OpenVINO takes there: bfloat16 where a CPU has instructions
    for it. Raises `InputError` for what cannot be read, has changed, or we did not write.
    """
    check_openvino()
    import openvino

    where = f"model {str(path)!r}"
    graph, weights = _read(path, where), _read(weights_beside(path), where)
    _check_digest(graph, weights, where)  # before native code sees any of it
    core = openvino.Core()
    with _refused(where):
        graph.decode()  # OpenVINO takes what is no text, and raises where a name is asked for
        model = core.read_model(graph, openvino.Tensor(np.frombuffer(weights, np.uint8)))
        properties = {name: str(text) for name, text in model.get_rt_info(_OURS).value.items()}
        card = description_of(properties, where)
        _check_faces(model, card, where)
        options = {"INFERENCE_NUM_THREADS": torch.get_num_threads(), "PERFORMANCE_HINT": "LATENCY"}
        # Here only are shapes found that follow from values.
        compiled = core.compile_model(model, "CPU", options)
    return card, _runner(compiled)


@contextmanager
def _refused(where: str) -> Iterator[None]:
    """What OpenVINO raises for a graph, or for the bytes in its own message, as an `InputError`."""
    try:
        yield
    except (RuntimeError, AttributeError, UnicodeError) as error:
        reason = " ".join(str(error).split())[:300]
        raise InputError(f"{where} is damaged or not ours ({reason}): {REMEDY}") from None


def _check_faces(model: Any, card: Description, where: str) -> None:
    """Raise `InputError` unless the graph takes and gives what ours do."""
    given = [(one.any_name, one.element_type.get_type_name()) for one in model.inputs]
    names = tuple(one.any_name for one in model.outputs)
    last = model.outputs[0].partial_shape[-1]
    wanted = OUTPUTS if card.reject_score is None else (*OUTPUTS, REJECTED)
    if given != [(INPUT, "u8")] or names != wanted or last != len(card.classes):
        raise InputError(f"{where} takes {given} and gives {', '.join(names)}: {REMEDY}")


def _runner(compiled: Any) -> Runner:
    has = {one.any_name for one in compiled.outputs}

    def run(images: NDArray[np.uint8]) -> Found:
        found = compiled({INPUT: images})
        rejected = found[REJECTED].astype(bool) if REJECTED in has else None
        return found[OUTPUTS[0]], rejected

    return run


def _read(path: Path, where: str) -> bytes:
    try:
        return read_bytes(path, "model", MODEL_BYTES)
    except OSError as error:
        raise InputError(
            f"{where} cannot be read, of which {path.name!r} is a part ({error.strerror}): {REMEDY}"
        ) from None


def _check_digest(graph: bytes, weights: bytes, where: str) -> None:
    """Raise `InputError` unless graph and weights are what was written."""
    found = _WRITTEN.search(graph)
    if found is None:
        raise InputError(f"{where} is damaged or not ours (it has no digest): {REMEDY}")
    begin, end = found.span(1)
    blank = b"".join((graph[:begin], _BLANK.encode(), graph[end:]))
    if found[1].decode() != _digest(blank, weights):
        raise InputError(f"{where} or its weights changed since they were written: {_AGAIN}")


def _digest(graph: bytes, weights: bytes) -> str:
    both = (hashlib.sha256(part).digest() for part in (graph, weights))
    return hashlib.sha256(b"".join(both)).hexdigest()
