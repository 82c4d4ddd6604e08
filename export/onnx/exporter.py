"""Exporting a model: its graphs as ONNX files, checked against PyTorch, in one folder."""

from __future__ import annotations

import gc
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ...base.describe import library_versions
from ...base.device import FP8, PRECISIONS, resolve_device
from ...base.errors import InputError
from ...engine.cache import Cache
from ...engine.graph import GraphFile, GraphSpec
from ..graphs.float8_choice import spread
from ..graphs.modules import load_module
from ..graphs.specs import (
    DENOISE,
    GRAPHS,
    VAE_DECODER,
    VAE_ENCODER,
    graph_specs,
    vae_encoder_spec,
)
from ..graphs.steps import DenoiseStep
from ..graphs.trajectories import RecordSteps
from ..model.components import load_tokenizers
from ..model.json_files import read_json
from ..model.model_folder import find_model
from ..model.parts import find_parts
from ..model.read_schedule import schedule_of
from ..model.scheduler import load_scheduler, write_scheduler
from ..model.vae_folder import check_encodes
from .cases import Case, random_inputs, reference_cases
from .float8_cases import fp8_cases
from .float8_graph import write_fp8
from .float8_layers import Fp8Layers, choose_fp8_layers
from .manifest import Exported, ExportedGraph, write_manifest
from .onnx_export import check_installed, graph_digests, write_onnx
from .output_folder import appearing, check_unused
from .settings import ExportProgress, ExportSettings, check_settings, generated_size
from .verify import InexactGraphError, check, graph_errors

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline
_CHECKED_STEPS = 20
_FREE_SIDE = 8  # latents a side, when a graph of any size is traced and checked


def export_model(
    model: str | Path | DiffusionPipeline | None,
    out: str | Path,
    settings: ExportSettings | None = None,
    on_progress: Callable[[ExportProgress], None] = lambda progress: None,
    record_steps: RecordSteps | None = None,
) -> Exported:
    """Export text encoders, denoising step and VAE of a model into the new folder `out`.

    Args:
        model: a folder that `diffusers` saved, a hub id, a pipeline; None is the embedded model.
        out: a folder that is new or empty; it appears once everything in it is whole and checked.
        settings: precision, size and LoRA files.
        on_progress: told what is being done.
        record_steps: what 8 bits are calibrated on, for precision `fp8`.

    Raises:
        InputError: for what cannot be used, no space, and a graph that is not exact; `out` is then
            as it was.
    """
    settings = settings or ExportSettings()
    check_settings(settings)
    if settings.precision == FP8 and record_steps is None:
        raise InputError(
            "precision 'fp8' is calibrated on steps of the model, and nothing records any: give "
            "record_steps=zeroreal.generate.own_trajectories.record_own_steps"
        )
    check_installed()
    out = Path(out)
    check_unused(out)
    with _saved(model, settings.parts.variant) as folder:
        job = _Export(folder, settings, on_progress, record_steps)
        with appearing(out) as partial:
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
        record_steps: RecordSteps | None,
    ) -> None:
        self.folder, self.settings, self.on_progress = folder, settings, on_progress
        self.record_steps = record_steps
        self.fp8: Fp8Layers | None = None
        self.parts = find_parts(folder, settings.parts)
        self.info = self.parts.info
        self.generate_size = generated_size(self.info, settings)
        if settings.encodes:
            check_encodes(self.parts.vae)
        scheduler = load_scheduler(folder, "DPMSolverMultistep")
        self.schedule = schedule_of(scheduler, _CHECKED_STEPS)
        encoders = [read_json(folder / name / "config.json") for name in self.info.text_encoders]
        self.vocabulary = min(encoder["vocab_size"] for encoder in encoders)

    def run(self, out: Path) -> Exported:
        graphs = {name: self._graph(name, out) for name in self.settings.graphs}
        self._write_tokenizers(out)
        write_scheduler(self.folder, out)
        if self.parts.distilled is not None:
            replace(self.parts.distilled, lora=None).write(out)  # graphs have it merged in
        exported = Exported(
            folder=out,
            source={
                "model": str(self.folder),
                "unet": str(self.parts.distilled_lora or self.parts.unet),
                "vae": str(self.parts.vae),
                "digest": self.parts.digest,
                "lora": [
                    {"file": lora.path.name, "scale": lora.scale} for lora in self.parts.loras
                ],
                "variant": self.parts.variant,
                "textual_inversion": [
                    {"file": one.path.name, "word": one.token} for one in self.parts.inversions
                ],
            },
            info=self.info,
            versions=library_versions(),
            created=datetime.now().astimezone().isoformat(timespec="seconds"),
            generate_size=self.generate_size,
            graphs=graphs,
        )
        write_manifest(exported)
        return exported

    def _write_tokenizers(self, out: Path) -> None:
        names = [name.replace("text_encoder", "tokenizer") for name in self.info.text_encoders]
        inversions = self.parts.inversions
        if not inversions:
            for name in names:
                shutil.copytree(self.folder / name, out / name)
            return
        tokenizers = load_tokenizers(self.folder, self.info, inversions)
        for name, tokenizer in zip(names, tokenizers, strict=True):
            tokenizer.save_pretrained(out / name)

    def _graph(self, name: str, out: Path) -> ExportedGraph:
        """Write the graph in the first precision in which it is exact."""
        notes: list[str] = []
        candidates = self.settings.precisions(name)
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

    def _exact_graph(self, name: str, dtype: torch.dtype, out: Path) -> ExportedGraph:
        spec = self._spec(name, dtype)
        path = out / f"{name}.onnx"
        try:
            cases = self._write(name, spec, dtype, path)
            gc.collect()  # what the exporter traced holds the weights in cycles
            self._tell(name, "check")
            digests = graph_digests(path)
            file = GraphFile(path, spec, digests.structure, digests.weights)
            errors = graph_errors(file, cases, dtype)
            check(file, errors)
        except InexactGraphError:
            path.unlink()
            Path(f"{path}.data").unlink(missing_ok=True)
            raise
        return ExportedGraph(file, dtype, tuple(errors), fp8=self.fp8 if name == DENOISE else None)

    def _spec(self, name: str, dtype: torch.dtype) -> GraphSpec:
        if name == VAE_ENCODER:
            assert self.generate_size is not None, "any size is refused"
            return vae_encoder_spec(self.info, self.generate_size)
        dtypes = dict.fromkeys(GRAPHS, PRECISIONS[self.settings.wide])
        return graph_specs(self.info, {**dtypes, name: dtype}, self.generate_size)[name]

    def _tell(self, name: str, stage: str) -> None:
        self.on_progress(ExportProgress(name, stage, self.settings.graphs))

    def _write(self, name: str, spec: GraphSpec, dtype: torch.dtype, path: Path) -> list[Case]:
        """Export the graph, and give what it must compute."""
        self._tell(name, "load")
        # The VAE's code turns what it computes into its weights' dtype: float32 or no reference.
        stored = torch.float32 if name in (VAE_DECODER, VAE_ENCODER) else None
        module = load_module(name, self.parts, stored)
        vocabulary = self.vocabulary
        sizes = {"height": _FREE_SIDE, "width": _FREE_SIDE}
        self._tell(name, "reference")
        if name == DENOISE and self.settings.precision == FP8:
            assert isinstance(module, DenoiseStep)
            cases = self._narrow(module, spec)
        else:
            cases = reference_cases(module, spec, sizes, self.schedule, vocabulary)
        self._tell(name, "export")
        # Two or more of everything: a dimension of 1 would be taken for a constant.
        traced = {**sizes, "batch": 2, "rows": 3}
        write_onnx(module.to(dtype), spec, random_inputs(spec, traced, 0, vocabulary), path)
        if name == DENOISE and self.fp8 is not None:
            write_fp8(path, self.fp8.scales())
        return cases

    def _narrow(self, step: DenoiseStep, spec: GraphSpec) -> list[Case]:
        """Choose the layers in 8 bits, and give what the graph must compute."""
        assert self.record_steps is not None
        size = self.generate_size or (self.info.image_side, self.info.image_side)
        device = resolve_device()  # a GPU, where there is one, takes minutes from hours
        chosen = (self.folder, self.settings.parts, size, device, "fp32", Cache())
        recorded = self.record_steps(*chosen)
        self.fp8 = choose_fp8_layers(step.to(device), recorded)
        return fp8_cases(step.cpu(), spec, spread(recorded, 2), self.fp8.allowed)


@contextmanager
def _saved(model: Any, variant: str | None) -> Iterator[Path]:
    """The model's folder; a pipeline is saved to a temporary one."""
    if not hasattr(model, "save_pretrained"):
        yield find_model(model, variant)
        return
    with tempfile.TemporaryDirectory(prefix="zeroreal-") as folder:
        model.save_pretrained(folder)
        yield Path(folder)


def _moved(graph: ExportedGraph, folder: Path) -> ExportedGraph:
    return replace(graph, file=replace(graph.file, path=folder / graph.file.path.name))
