"""Writing a classifier's graph: as ONNX, and as a program of `torch.export`."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from ...base.errors import InputError
from ..onnx.onnx_export import check_installed, traced
from .description import Description
from .graph import INPUT, ClassifierGraph

if TYPE_CHECKING:
    import onnx

OPSET = 18
"""Of ONNX: what runtimes of 2023 and later take."""
_MOST = 2**31 - 2**20
"""Bytes of weights in one ONNX file: protobuf's 2 GiB less what the graph takes."""
DIGEST = "digest"
"""The property that tells a changed file."""


def write_onnx(graph: ClassifierGraph, description: Description, path: Path) -> None:
    """Write `graph` to `path` as one ONNX file, checked by ONNX's own checker.

    Raises `InputError` for more weights than such a file can hold.
    """
    check_installed()
    import onnx

    weights = sum(one.nbytes for one in graph.state_dict().values())
    if weights > _MOST:
        raise InputError(
            f"the classifier has {weights / 1e9:.2f} GB of weights, and one ONNX file holds "
            f"{_MOST / 1e9:.2f} GB: deploy it with --to torch, or train a smaller one"
        )

    spec = graph.spec(len(description.classes))
    with _exporting("onnx"):
        program = traced(graph, spec, {INPUT: graph.example()}, OPSET)
    model = program.model_proto
    describe(model, description.properties())
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString(deterministic=True))


def describe(model: onnx.ModelProto, properties: Mapping[str, str]) -> None:
    """Give a model these properties, in place of others, and a digest of all."""
    import onnx

    model.producer_name, model.producer_version = "zeroreal", properties["zeroreal_version"]
    onnx.helper.set_model_props(model, {**properties, DIGEST: ""})
    onnx.helper.set_model_props(model, {**properties, DIGEST: model_digest(model)})


def model_digest(model: onnx.ModelProto) -> str:
    """SHA-256 of a model with all that it says of itself, but for its digest."""
    import onnx

    bare = onnx.ModelProto()
    bare.CopyFrom(model)
    onnx.helper.set_model_props(
        bare, {one.key: "" if one.key == DIGEST else one.value for one in model.metadata_props}
    )
    return hashlib.sha256(bare.SerializeToString(deterministic=True)).hexdigest()


def write_program(graph: ClassifierGraph, description: Description, path: Path) -> None:
    """Write `graph` to `path`, whose suffix is `.pt2`, with the same input and outputs."""
    spec = graph.spec(len(description.classes))
    free = {
        axis: torch.export.Dim(size)
        for axis, size in enumerate(spec.inputs[0].shape)
        if isinstance(size, str)
    }
    with warnings.catch_warnings(), torch.no_grad(), _exporting("torch"):
        warnings.simplefilter("ignore")  # about what the exporter itself does
        program = torch.export.export(graph, (graph.example(),), dynamic_shapes=(free,))
        extra = {"zeroreal.json": json.dumps(description.properties(), ensure_ascii=False)}
        torch.export.save(program, path, extra_files=extra)


@contextmanager
def _exporting(target: str) -> Iterator[None]:
    """What exporters raise for a network that they cannot take is an `InputError`."""
    try:
        yield
    except RuntimeError as error:
        reason = " ".join(str(error.__cause__ or error).split())[:300]
        raise InputError(
            f"the classifier cannot be written for {target} ({reason}): leave {target} out of "
            "--to, or train another classifier"
        ) from error
