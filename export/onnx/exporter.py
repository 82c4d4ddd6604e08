"""Exporting a model: its graphs as ONNX files, checked against PyTorch, in one folder."""

from __future__ import annotations

import errno
import gc
import importlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ...base.describe import library_versions
from ...base.device import PRECISIONS
from ...base.digest import file_digest, key_digest
from ...base.errors import InputError, unknown
from ...engine.graph import GraphFile, GraphSpec
from ...engine.onnxruntime.engine import onnxruntime_library
from ..graphs.modules import load_module
from ..graphs.steps import GRAPHS, VAE_DECODER, graph_specs
from ..model.components import load_scheduler
from ..model.json_files import read_json
from ..model.lora import Lora
from ..model.model_folder import check_model_folder, find_model, weight_files
from ..model.model_info import ModelInfo, read_model_info
from ..model.schedule import schedule_of
from ..model.vae_folder import find_vae
from .manifest import Exported, ExportedGraph, write_manifest
from .onnx_export import graph_digests, write_onnx
from .verify import Case, InexactGraphError, check, graph_errors, random_inputs, reference_cases

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline

_STAGES = ("load", "reference", "export", "check")
_CHECKED_STEPS = 20
_FREE_SIDE = 8  # latents a side, when a graph of any size is traced and checked


@dataclass(frozen=True)
class ExportProgress:
    """What the exporter is at: a stage of a graph."""

    graph: str
    stage: str

    @property
    def done(self) -> int:
        """Number of this stage, 1 to `total`."""
        return GRAPHS.index(self.graph) * len(_STAGES) + _STAGES.index(self.stage) + 1

    @property
    def total(self) -> int:
        """Stages in all."""
        return len(GRAPHS) * len(_STAGES)


@dataclass(frozen=True)
class ExportSettings:
    """How a model is exported."""

    precision: str = "fp32"
    """`fp32`, `fp16` or `bf16`, of weights and computation."""
    vae_precision: str = "auto"
    """`auto` is `precision` or, where the VAE is not exact in it, the next of bf16 and fp32."""
    image_size: tuple[int, int] | None = None
    """Height and width in pixels; by default those that the model was trained on."""
    any_size: bool = False
    """Leave height and width free, in place of `image_size`."""
    loras: tuple[Lora, ...] = ()
    vae: str | None = None
    """Another VAE than the model's own; see `find_vae`."""


def export_model(
    model: str | Path | DiffusionPipeline | None,
    out: str | Path,
    settings: ExportSettings | None = None,
    on_progress: Callable[[ExportProgress], None] = lambda progress: None,
) -> Exported:
    """Export text encoders, denoising step and VAE decoder of a model into the new folder `out`.

    Args:
        model: a folder that `diffusers` saved, a hub id, a pipeline; None is the embedded model.
        out: a folder that is new or empty; it appears once everything in it is whole and checked.
        settings: precision, size and LoRA files.
        on_progress: told what is being done.

    Raises:
        InputError: for what cannot be used, no space, and a graph that is not exact; `out` is then
            as it was.
    """
    settings = settings or ExportSettings()
    _check_settings(settings)
    _import_exporter()
    out = Path(out)
    _check_unused(out)
    with _saved(model) as folder:
        job = _Export(folder, settings, on_progress)
        with _appearing(out) as partial:
            exported = job.run(partial)
    return replace(
        exported,
        folder=out,
        graphs={name: _moved(graph, out) for name, graph in exported.graphs.items()},
    )


class _Export:
    """One export, from a checked model folder."""

    def __init__(
        self,
        folder: Path,
        settings: ExportSettings,
        on_progress: Callable[[ExportProgress], None],
    ) -> None:
        self.folder, self.settings, self.on_progress = folder, settings, on_progress
        self.info = check_model_folder(folder)
        self.vae = find_vae(folder, self.info, settings.vae)
        self.image_size = _image_size(self.info, settings)
        scheduler = load_scheduler(folder, "DPMSolverMultistep")
        self.schedule = schedule_of(scheduler, _CHECKED_STEPS)
        encoders = [read_json(folder / name / "config.json") for name in self.info.text_encoders]
        self.vocabulary = min(encoder["vocab_size"] for encoder in encoders)

    def run(self, out: Path) -> Exported:
        graphs = {name: self._graph(name, out) for name in GRAPHS}
        for part in ("scheduler", *self._tokenizers()):
            shutil.copytree(self.folder / part, out / part)
        exported = Exported(
            folder=out,
            source={
                "model": str(self.folder),
                "vae": str(self.vae),
                "digest": source_digest(self.folder, self.settings.loras, self.vae),
                "lora": [{"file": lora.path.name, "scale": lora.scale} for lora in self.loras],
            },
            info=self.info,
            versions=library_versions(),
            created=datetime.now().astimezone().isoformat(timespec="seconds"),
            image_size=self.image_size,
            graphs=graphs,
        )
        write_manifest(exported)
        return exported

    @property
    def loras(self) -> tuple[Lora, ...]:
        return self.settings.loras

    def _tokenizers(self) -> list[str]:
        return [name.replace("text_encoder", "tokenizer") for name in self.info.text_encoders]

    def _graph(self, name: str, out: Path) -> ExportedGraph:
        """Write the graph in the first precision in which it is exact."""
        notes: list[str] = []
        candidates = self._precisions(name)
        for precision in candidates:
            try:
                graph = self._exact_graph(name, PRECISIONS[precision], out)
            except InexactGraphError as error:
                notes.append(f"not {precision}: {error}")
                continue
            return replace(graph, notes=tuple(notes))
        raise InputError(
            f"the model cannot be exported in {' or '.join(candidates)}: "
            f"{'; '.join(notes)}; choose another precision"
        )

    def _precisions(self, name: str) -> tuple[str, ...]:
        chosen, of_vae = self.settings.precision, self.settings.vae_precision
        if name != VAE_DECODER:
            return (chosen,)
        if of_vae != "auto":
            return (of_vae,)
        # fp16 overflows in some VAEs (black images); bf16 has the range of fp32.
        return {"fp16": ("fp16", "bf16", "fp32"), "bf16": ("bf16", "fp32")}.get(chosen, (chosen,))

    def _exact_graph(self, name: str, dtype: torch.dtype, out: Path) -> ExportedGraph:
        dtypes = dict.fromkeys(GRAPHS, PRECISIONS[self.settings.precision])
        spec = graph_specs(self.info, {**dtypes, name: dtype}, self.image_size)[name]
        path = out / f"{name}.onnx"
        try:
            cases = self._write(name, spec, dtype, path)
            gc.collect()  # what the exporter traced holds the weights in cycles
            self.on_progress(ExportProgress(name, "check"))
            digests = graph_digests(path)
            file = GraphFile(path, spec, digests.structure, digests.weights)
            errors = graph_errors(file, cases, dtype)
            check(file, errors)
        except InexactGraphError:
            path.unlink()
            Path(f"{path}.data").unlink(missing_ok=True)
            raise
        return ExportedGraph(file, dtype, tuple(errors))

    def _write(self, name: str, spec: GraphSpec, dtype: torch.dtype, path: Path) -> list[Case]:
        """Export the graph, and give what it must compute."""
        self.on_progress(ExportProgress(name, "load"))
        # The VAE's code turns what it computes into its weights' dtype: float32 or no reference.
        stored = torch.float32 if name == VAE_DECODER else None
        module = load_module(name, self.folder, self.info, stored, self.loras, vae=self.vae)
        vocabulary = self.vocabulary
        sizes = {"height": _FREE_SIDE, "width": _FREE_SIDE}
        self.on_progress(ExportProgress(name, "reference"))
        cases = reference_cases(module, spec, sizes, self.schedule, vocabulary)
        self.on_progress(ExportProgress(name, "export"))
        # Two or more of everything: a dimension of 1 would be taken for a constant.
        traced = {**sizes, "batch": 2, "rows": 3}
        write_onnx(module.to(dtype), spec, random_inputs(spec, traced, 0, vocabulary), path)
        return cases


def source_digest(folder: Path, loras: Sequence[Lora] = (), vae: Path | None = None) -> str:
    """SHA-256 over the weights, the parts' configurations and the LoRA files with their scales.

    `vae` is the folder of another VAE than the model's own.
    """
    parts = {name: folder / name for name in (*read_model_info(folder).text_encoders, "unet")}
    parts["vae"] = vae or folder / "vae"
    content = {
        f"{name}/{path.name}": file_digest(path)
        for name, part in parts.items()
        for path in (*weight_files(part), part / "config.json")
    }
    merged = [[file_digest(lora.path), lora.scale] for lora in loras]
    return key_digest({"files": content, "lora": merged})


def _check_settings(settings: ExportSettings) -> None:
    for name, value, known in (
        ("precision", settings.precision, tuple(PRECISIONS)),
        ("VAE precision", settings.vae_precision, ("auto", *PRECISIONS)),
    ):
        if value not in known:
            raise unknown(name, value, known)
    if settings.any_size and settings.image_size is not None:
        raise InputError(
            f"image size {settings.image_size[0]}x{settings.image_size[1]} and any size were both "
            "asked for: give one"
        )


def _image_size(info: ModelInfo, settings: ExportSettings) -> tuple[int, int] | None:
    if settings.any_size:
        return None
    height, width = settings.image_size or (info.image_side, info.image_side)
    unit = info.vae_scale
    if min(height, width) < unit or height % unit or width % unit:
        raise InputError(
            f"image size {height}x{width} does not fit the model: give multiples of {unit} pixels"
        )
    return height, width


def _import_exporter() -> None:
    onnxruntime_library()
    try:
        for name in ("onnx", "onnxscript"):
            importlib.import_module(name)
    except ImportError:
        raise InputError(
            f"exporting needs {name}, which is not installed: pip install 'zeroreal[onnx]'"
        ) from None


def _check_unused(out: Path) -> None:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"output folder {str(out)!r} is not a new or empty folder: choose another")


@contextmanager
def _saved(model: Any) -> Iterator[Path]:
    """The model's folder; a pipeline is saved to a temporary one."""
    if not hasattr(model, "save_pretrained"):
        yield find_model(model)
        return
    with tempfile.TemporaryDirectory(prefix="zeroreal-") as folder:
        model.save_pretrained(folder)
        yield Path(folder)


@contextmanager
def _appearing(out: Path) -> Iterator[Path]:
    """A temporary folder beside `out` that takes its name in the end, or goes."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    except OSError as error:
        raise InputError(
            f"output folder {str(out)!r} cannot be made ({error.strerror}): choose another"
        ) from None
    try:
        yield partial
        partial.chmod(0o755)  # mkdtemp's is private
        os.replace(partial, out)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        free = shutil.disk_usage(out.parent).free / 1e9
        raise InputError(
            f"no space is left to export into {str(out)!r} ({free:.1f} GB free; the model's "
            "weights and a little more are needed): free some or choose another folder"
        ) from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _moved(graph: ExportedGraph, folder: Path) -> ExportedGraph:
    return replace(graph, file=replace(graph.file, path=folder / graph.file.path.name))
