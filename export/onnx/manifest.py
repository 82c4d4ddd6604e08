"""`manifest.json`: what an exported folder holds, from what, and how exact it is."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import AfterValidator, ConfigDict, Field, PositiveInt

from ...base.device import FP8, PRECISIONS
from ...base.errors import InputError
from ...base.foreign import ForeignValues, check_fields, check_values
from ...base.reading import load_json
from ...engine.graph import GraphFile, GraphSpec, TensorSpec
from ..model.model_info import ModelInfo
from .float8_layers import Fp8Layers
from .verify import OutputError

MANIFEST = "manifest.json"
FORMAT = 2
_REMEDY = "export the model again"
_SIZE_KEY = "image_size"  # the name that `generate_size` had once: older exports must load


def _check_dtype(name: str) -> str:
    if not isinstance(getattr(torch, name, None), torch.dtype):
        raise ValueError("the name of a dtype is needed")
    return name


def _check_beside(name: str) -> str:
    if name != Path(name).name:
        raise ValueError("the name of a file in the same folder is needed")
    return name


_Dtype = Annotated[str, AfterValidator(_check_dtype)]


class _Tensor(ForeignValues):
    name: str
    dtype: _Dtype
    shape: Annotated[tuple[int | str, ...], Field(strict=False)]


class _Error(ForeignValues):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=True)

    case: str
    output: str
    relative: float
    allowed: float


class _Graph(ForeignValues):
    file: Annotated[str, AfterValidator(_check_beside)]
    precision: _Dtype
    structure_digest: str
    weights_digest: str
    inputs: list[_Tensor]
    outputs: list[_Tensor]
    relative_errors: list[_Error]
    notes: Annotated[tuple[str, ...], Field(strict=False)] = ()
    fp8: dict[str, Any] | None = None


class _Manifest(ForeignValues):
    format: Literal[2]
    created: str
    source: dict[str, Any]
    model: dict[str, Any]
    image_size: Annotated[tuple[PositiveInt, PositiveInt], Field(strict=False)] | None
    versions: dict[str, str]
    graphs: dict[str, _Graph]


@dataclass(frozen=True)
class ExportedGraph:
    """One graph of an exported folder."""

    file: GraphFile
    precision: torch.dtype
    """Of weights and computation; scheduler and guidance are float32 all the same."""
    errors: tuple[OutputError, ...]
    """Against PyTorch in float32, as measured when it was exported."""
    notes: tuple[str, ...] = ()
    """Precisions that were tried first, and why they would not do."""
    fp8: Fp8Layers | None = None
    """The layers in 8 bits, where there are any; `precision` is that of the others."""

    @property
    def precision_name(self) -> str:
        """What it was exported in: `float16`, `fp8`."""
        return FP8 if self.fp8 else _name(self.precision)

    def is_in(self, precision: str) -> bool:
        """Whether it was exported in the precision of that name, such as `fp16`."""
        if precision == FP8:
            return self.fp8 is not None
        return self.fp8 is None and PRECISIONS.get(precision) == self.precision

    @property
    def weight_bytes(self) -> int:
        """Bytes of the weights on disk."""
        return os.path.getsize(f"{self.file.path}.data")


@dataclass(frozen=True)
class Exported:
    """An exported folder, read from its manifest."""

    folder: Path
    source: Mapping[str, Any]
    """The model's name, the digest of its weights, and LoRA files merged into them."""
    info: ModelInfo
    versions: Mapping[str, str]
    created: str
    generate_size: tuple[int, int] | None
    """Height and width in pixels; None where both are free."""
    graphs: Mapping[str, ExportedGraph]


def write_manifest(exported: Exported) -> None:
    """Write the manifest into its folder."""
    content = {
        "format": FORMAT,
        "created": exported.created,
        "source": dict(exported.source),
        "model": asdict(exported.info),
        _SIZE_KEY: exported.generate_size,
        "versions": dict(exported.versions),
        "graphs": {name: _graph_dict(graph) for name, graph in exported.graphs.items()},
    }
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    (exported.folder / MANIFEST).write_text(text, encoding="utf-8")


def is_exported(folder: Path) -> bool:
    """Whether `folder` was written by `zeroreal export`."""
    return (folder / MANIFEST).is_file()


def read_manifest(folder: Path) -> Exported:
    """What an exported folder holds; `InputError` if it has no manifest or an unreadable one."""
    path = folder / MANIFEST
    if not path.is_file():
        raise InputError(
            f"{str(folder)!r} is not an exported model, for it has no {MANIFEST}: make one with "
            "'zeroreal export MODEL --out DIR'"
        )
    where = f"manifest {str(path)!r}"
    content = check_values(_Manifest, load_json(path, "manifest", _REMEDY), where, _REMEDY)
    exported = Exported(
        folder=folder,
        source=content.source,
        info=check_fields(ModelInfo, content.model, where, _REMEDY),
        versions=content.versions,
        created=content.created,
        generate_size=content.image_size,
        graphs={
            name: _graph_from(folder, name, graph, where) for name, graph in content.graphs.items()
        },
    )
    for graph in exported.graphs.values():
        if not graph.file.path.is_file():
            raise InputError(
                f"exported file {str(graph.file.path)!r} is missing: export the model again"
            )
    return exported


def _graph_dict(graph: ExportedGraph) -> dict[str, Any]:
    return {
        "file": graph.file.path.name,
        "precision": _name(graph.precision),
        "structure_digest": graph.file.structure_digest,
        "weights_digest": graph.file.weights_digest,
        "inputs": [_tensor_dict(spec) for spec in graph.file.spec.inputs],
        "outputs": [_tensor_dict(spec) for spec in graph.file.spec.outputs],
        "relative_errors": [asdict(error) for error in graph.errors],
        "notes": list(graph.notes),
        **({} if graph.fp8 is None else {"fp8": asdict(graph.fp8)}),
    }


def _graph_from(folder: Path, name: str, content: _Graph, where: str) -> ExportedGraph:
    inputs, outputs = (
        tuple(TensorSpec(one.name, getattr(torch, one.dtype), one.shape) for one in side)
        for side in (content.inputs, content.outputs)
    )
    file = GraphFile(
        path=folder / content.file,
        spec=GraphSpec(name, inputs, outputs),
        structure_digest=content.structure_digest,
        weights_digest=content.weights_digest,
    )
    return ExportedGraph(
        file=file,
        precision=getattr(torch, content.precision),
        errors=tuple(OutputError(**dict(error)) for error in content.relative_errors),
        notes=content.notes,
        fp8=None if content.fp8 is None else check_fields(Fp8Layers, content.fp8, where, _REMEDY),
    )


def _tensor_dict(spec: TensorSpec) -> dict[str, Any]:
    return {"name": spec.name, "dtype": _name(spec.dtype), "shape": list(spec.shape)}


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
