"""Deploying a run: its classifier as files that were checked, in one new folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from ...base.device import describe_device
from ...base.limits import MODEL_BYTES
from ...base.progress import OnStage, StageProgress
from ...base.reading import read_bytes
from ...export.classifier.files import write_onnx, write_program
from ...export.classifier.gate import check, compare
from ...export.classifier.graph import Runner
from ...export.classifier.int8 import quantised_share, write_int8
from ...export.classifier.losses import lossy_layers
from ...export.classifier.openvino_ir import (
    check_openvino,
    read_openvino,
    weights_beside,
    write_openvino,
)
from ...export.classifier.runners import onnx_runner, onnx_session, own_program_runner
from ...export.classifier.timing import measure
from ...export.onnx.onnx_export import check_installed
from ...export.onnx.output_folder import appearing, check_unused
from ..finished import FinishedRun, read_run
from .card import write_card
from .cases import Material, material
from .figures import Deployment, FileFigures
from .plans import plan_targets, write_plans
from .settings import FILES, DeploySettings

_AS_IS = DeploySettings()


def deploy_run(
    run: str | Path,
    out: str | Path,
    settings: DeploySettings = _AS_IS,
    on_progress: OnStage = lambda progress: None,
) -> Deployment:
    """Write the classifier of a finished run as files for other machines into the new folder `out`.

    Each file but TensorRT's plans, of which the graphs are, is run and compared with PyTorch. The
    folder, with a card that says what is in it and
    how to use it, appears once all of them are as exact as they must be. Raises `InputError` for
    what cannot be used and for a file that is not.
    """
    out = Path(out)
    check_unused(out)
    check_installed()
    if "openvino" in settings.to:
        check_openvino()
    if "tensorrt" in settings.to:
        plan_targets(settings)
    finished = read_run(Path(run))
    found = material(finished, settings, on_progress)
    total = len(settings.to) + 1
    with appearing(out) as folder:
        files: list[FileFigures] = []
        for number, target in enumerate(settings.to):

            def show(note: str, number: int = number) -> None:
                on_progress(StageProgress("deploy", number, total, note))

            show(target)
            if target == "tensorrt":
                files += write_plans(finished, found, settings, folder, show)
            else:
                files.append(_write(target, finished, found, settings, folder))
        if "onnx" not in settings.to:
            (folder / FILES["onnx"]).unlink(missing_ok=True)  # which others are made from
        on_progress(StageProgress("deploy", total - 1, total, "speed"))
        deployment = Deployment(
            out,
            finished.description,
            settings.size,
            found.accuracy,
            settings.calibration_images,
            describe_device(torch.device("cpu")),
            _with_speeds(tuple(files), folder, finished.description.image_size),
        )
        write_card(folder, deployment)
    on_progress(StageProgress("deploy", total, total, "done"))
    return deployment


def _write(
    target: str, run: FinishedRun, found: Material, settings: DeploySettings, folder: Path
) -> FileFigures:
    """Write the file of a target and check it."""
    path, float_file = folder / FILES[target], folder / FILES["onnx"]
    graph = run.graph(settings.size == "any")
    if target == "torch":
        write_program(graph, run.description, path)
    elif not float_file.exists():
        write_onnx(graph, run.description, float_file)
    if target == "openvino":
        write_openvino(float_file, run.description, path)
    is_int8 = target == "int8"
    calibrations = (
        write_int8(float_file, found.calibrating, found.choosing, path) if is_int8 else ()
    )
    runner = _runner(path)
    figures = FileFigures(
        target,
        path.name,
        _bytes(path),
        tuple(compare(runner, case) for case in found.cases),
        quantised_share=quantised_share(path) if is_int8 else None,
        calibrations=calibrations,
    )
    check(
        target,
        figures.comparisons,
        figures.quantised_share,
        lambda: lossy_layers(float_file, path, found.calibrating) if is_int8 else (),
    )
    return figures


def _bytes(path: Path) -> int:
    """The size of a file, with that of its weights where they are apart."""
    weights = weights_beside(path)
    return path.stat().st_size + (weights.stat().st_size if path.suffix == ".xml" else 0)


def _runner(path: Path) -> Runner:
    """What runs a file that was just written."""
    if path.suffix == ".xml":
        return read_openvino(path)[1]
    if path.suffix == ".pt2":
        return own_program_runner(path)
    return onnx_runner(
        onnx_session(read_bytes(path, "model", MODEL_BYTES), f"the file {path.name!r}")
    )


def _with_speeds(
    files: tuple[FileFigures, ...], folder: Path, size: int
) -> tuple[FileFigures, ...]:
    runners = {one.name: _runner(folder / one.name) for one in files if one.plan is None}
    speeds = measure(runners, size)
    return tuple(replace(one, speeds=speeds.get(one.name, ())) for one in files)
