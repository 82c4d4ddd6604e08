"""A module as an ONNX file with its weights beside it."""

from __future__ import annotations

import hashlib
import importlib
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ...base.errors import InputError
from ...engine.graph import GraphSpec
from ...engine.onnxruntime.library import onnxruntime_library

if TYPE_CHECKING:
    import onnx
    import onnx_ir

OPSET = 23  # the first with a native Attention operator
_SCOPES = "pkg.torch.onnx.name_scopes"
_CHUNK = 1 << 24


@dataclass(frozen=True)
class GraphDigests:
    """SHA-256 of a graph without the values of its weights, and of those values."""

    structure: str
    weights: str


def check_installed() -> None:
    """Raise `InputError` where a library that exporting and checking need is not installed."""
    onnxruntime_library()
    try:
        for name in ("onnx", "onnxscript"):
            importlib.import_module(name)
    except ImportError:
        raise InputError(
            f"exporting needs {name}, which is not installed: pip install 'zeroreal[onnx]'"
        ) from None


def write_onnx(
    module: nn.Module, spec: GraphSpec, examples: Mapping[str, Tensor], path: Path
) -> None:
    """Export `module` to `path`, its weights to `<path>.data`; the module is empty afterwards.

    For `spec` and `examples` see `traced`.
    """
    program = traced(module, spec, examples)
    program.save(path, external_data=True)
    # The exporter's rules remember the last graph that they saw: not its weights, too.
    for value in program.model.graph.initializers.values():
        value.const_value = None
    for parameter in module.parameters():
        parameter.data = torch.empty(0)


def traced(
    module: nn.Module, spec: GraphSpec, examples: Mapping[str, Tensor], opset: int = OPSET
) -> torch.onnx.ONNXProgram:
    """`module` as a graph, its nodes named after the modules that they come from.

    `examples` are inputs of any size that `spec` allows; no computation is done with them.
    """
    from .onnx_attention import TRANSLATIONS

    dimensions = {name: torch.export.Dim(name) for name in spec.dimensions()}
    shapes = {
        wanted.name: {
            axis: dimensions[size] for axis, size in enumerate(wanted.shape) if size in dimensions
        }
        for wanted in spec.inputs
    }
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # about what the exporter itself does
        program = torch.onnx.export(
            module,
            kwargs=dict(examples),
            dynamo=True,
            opset_version=opset,
            dynamic_shapes=shapes,
            output_names=[output.name for output in spec.outputs],
            custom_translation_table=TRANSLATIONS,
            verbose=False,
        )
    assert program is not None
    _name_after_modules(program.model)
    return program


def _name_after_modules(model: onnx_ir.Model) -> None:
    """Name nodes by module, and drop the exporter's notes: they hold paths of this machine."""
    model.metadata_props.clear()
    for number, node in enumerate(model.graph):
        scopes = node.metadata_props.get(_SCOPES, "[]")
        modules = [scope.strip(" '\"[]") for scope in scopes.split(",")][:-1]
        module = modules[-1] if modules else ""
        node.name = f"{module}/{node.op_type}_{number}".lstrip("/")
        node.metadata_props.clear()
        node.doc_string = None
        for output in node.outputs:
            output.metadata_props.clear()
            output.doc_string = None
    for value in (*model.graph.inputs, *model.graph.initializers.values()):
        value.metadata_props.clear()


def graph_digests(path: Path) -> GraphDigests:
    """Digests of the graph at `path`: two models of one architecture share the structure's."""
    import onnx

    model = onnx.load(path, load_external_data=False)
    weights = hashlib.sha256()
    for tensor in model.graph.initializer:
        if _is_weight(tensor):
            weights.update(tensor.name.encode())
            weights.update(tensor.raw_data)  # empty where the value lies in the data file
            tensor.ClearField("raw_data")
    data = Path(f"{path}.data")
    if data.exists():
        with data.open("rb") as file:
            while chunk := file.read(_CHUNK):
                weights.update(chunk)
    structure = hashlib.sha256(model.SerializeToString(deterministic=True))
    return GraphDigests(structure.hexdigest(), weights.hexdigest())


def _is_weight(tensor: onnx.TensorProto) -> bool:
    """Floating-point tensors; scalars and integers belong to the graph's structure."""
    import onnx

    floating = (
        onnx.TensorProto.FLOAT,
        onnx.TensorProto.FLOAT16,
        onnx.TensorProto.BFLOAT16,
        onnx.TensorProto.DOUBLE,
        onnx.TensorProto.FLOAT8E4M3FN,
    )
    return tensor.data_type in floating and len(tensor.dims) > 0
