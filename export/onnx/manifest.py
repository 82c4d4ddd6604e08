"""`manifest.json`: what an exported folder holds, from what, and how exact it is."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from ...base.errors import InputError
from ...base.reading import parse_json, read_text
from ...engine.graph import GraphFile, GraphSpec, TensorSpec
from ..model.model_info import ModelInfo
from .verify import OutputError

MANIFEST = "manifest.json"
FORMAT = 2
_SIZE_KEY = "image_size"  # the name that `generate_size` had once: older exports must load


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
    try:
        content = parse_json(read_text(path, "manifest"), f"manifest {str(path)!r}")
        if content["format"] != FORMAT:
            raise ValueError(f"its format is {content['format']}, not {FORMAT}")
        info = {**content["model"], "text_encoders": tuple(content["model"]["text_encoders"])}
        size = content[_SIZE_KEY]
        exported = Exported(
            folder=folder,
            source=content["source"],
            info=ModelInfo(**info),
            versions=content["versions"],
            created=content["created"],
            generate_size=None if size is None else (size[0], size[1]),
            graphs={
                name: _graph_from(folder, name, graph) for name, graph in content["graphs"].items()
            },
        )
    except InputError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{str(path)!r} cannot be read ({' '.join(str(error).split())}): export the model again"
        ) from None
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
    }


def _graph_from(folder: Path, name: str, content: Mapping[str, Any]) -> ExportedGraph:
    inputs, outputs = (
        tuple(_tensor_from(tensor) for tensor in content[side]) for side in ("inputs", "outputs")
    )
    file = GraphFile(
        path=folder / content["file"],
        spec=GraphSpec(name, inputs, outputs),
        structure_digest=content["structure_digest"],
        weights_digest=content["weights_digest"],
    )
    return ExportedGraph(
        file=file,
        precision=getattr(torch, content["precision"]),
        errors=tuple(OutputError(**error) for error in content["relative_errors"]),
        notes=tuple(content["notes"]),
    )


def _tensor_dict(spec: TensorSpec) -> dict[str, Any]:
    return {"name": spec.name, "dtype": _name(spec.dtype), "shape": list(spec.shape)}


def _tensor_from(content: Mapping[str, Any]) -> TensorSpec:
    return TensorSpec(content["name"], getattr(torch, content["dtype"]), tuple(content["shape"]))


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
