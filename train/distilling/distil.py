"""Distilling a model: trajectories of the teacher, a student trained on them, its folder."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ...base import InputError
from ...base.digest import key_digest
from ...base.progress import OnStage
from ...export import (
    check_model_folder,
    find_model,
    is_exported,
    load_scheduler,
    schedule_of,
    source_digest,
)
from ...export.model.distilled import Distilled
from ...generate import Generator, SamplePlan, SampleSpec, load_recipe, parse_classes
from ...generate.sampling.conditions import conditions_of
from ...generate.sampling.text import Conditions
from ...generate.settings import GenerateSettings
from ...generate.telling import made_with_progress
from ..loop.checkpoint import CheckpointFolder
from .jumps import kept_steps, plan_jumps, timestep_offset
from .settings import DistilSettings
from .student import new_student
from .training import Distillation, Examples
from .trajectories import TrajectoryFolder

if TYPE_CHECKING:
    pass

SCHEDULER = "DDIM:trailing"
"""The student's: its step is one exact move along the trajectory."""
_SHARES = 0.7
"""Of jumps that are drawn, by how much those of the next lower number of steps are fewer."""


def distil(
    settings: DistilSettings, out: Path, on_progress: OnStage = lambda progress: None
) -> Path:
    """Distil a model and give the folder `out` of the student, a UNet that `diffusers` can load.

    What was interrupted goes on from `out`/work, which is removed at the end.

    Raises:
        InputError: for a model that cannot be a teacher, and an `out` that holds something else.
    """
    folder = find_model(settings.model)
    _check_teacher(folder)
    work = _work_folder(out)
    recipe, classes = load_recipe(settings.recipe), parse_classes(settings.classes)
    plan = SamplePlan(recipe, classes, settings.images_per_class, settings.seed)
    generator = _teacher(settings, on_progress)
    schedules = {
        steps: schedule_of(load_scheduler(folder, SCHEDULER), steps) for steps in settings.steps
    }
    kept = kept_steps(schedules, generator.schedule)
    teacher = source_digest(folder)
    made_of = {"teacher": teacher, "kept": kept, "precision": str(generator.dtype)}
    plan_of = {name: getattr(settings, name) for name in ("classes", "recipe", "seed", "scheduler")}
    identity = {**made_of, **plan_of, "teacher_steps": settings.teacher_steps}
    trajectories = TrajectoryFolder(work / "trajectories", key_digest(identity))
    latents = trajectories.make(generator, plan, kept, on_progress)

    def conditions(specs: Sequence[SampleSpec]) -> Conditions:
        info = replace(generator.engines.info, guidance_channels=1)  # guidance is an input
        size = generator.engines.generate_size
        return conditions_of(specs, generator.text, info, size, generator.device)

    shares = {steps: _SHARES**place for place, steps in enumerate(sorted(settings.steps)[::-1])}
    jumps = plan_jumps(schedules, generator.schedule, shares)
    student = new_student(folder / "unet", generator.device)
    checkpoints = CheckpointFolder(work, {"settings": asdict(settings), "teacher": teacher})
    distillation = Distillation(student, settings, generator.dtype, checkpoints)
    trained = distillation.train(Examples(plan, latents, jumps, conditions), on_progress)
    scales = [spec.guidance for spec in plan]
    record = Distilled(
        scheduler=SCHEDULER,
        timestep_offsets={n: timestep_offset(n, settings.steps) for n in settings.steps},
        guidance=(min(scales), max(scales)),
        prediction_type=generator.engines.info.prediction_type,
        teacher=teacher,
    )
    trained.half().save_pretrained(out)
    record.write(out)
    shutil.rmtree(work)
    return out


def _check_teacher(folder: Path) -> None:
    if is_exported(folder):
        raise InputError(
            f"{str(folder)!r} holds ONNX graphs, which cannot be trained: give the folder that it "
            "was exported from"
        )
    if not check_model_folder(folder).guided:
        raise InputError(
            f"model folder {str(folder)!r} is distilled already, for it has guidance built in: "
            "give the model that it was distilled from"
        )


def _work_folder(out: Path) -> Path:
    """Where work is kept; `InputError` where `out` holds what no distillation began."""
    work = out / "work"
    if out.exists() and not work.is_dir() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{str(out)!r} exists and is not a distillation under way: name a new one")
    work.mkdir(parents=True, exist_ok=True)
    return work


def _teacher(settings: DistilSettings, on_progress: OnStage) -> Generator:
    wanted = GenerateSettings(
        model=settings.model,
        engine=settings.engine,
        precision=settings.precision,
        scheduler=settings.scheduler,
        steps=settings.teacher_steps,
        batch_size=settings.batch_size,
    )
    return made_with_progress(
        lambda tell: Generator(wanted, device=settings.device, on_progress=tell), on_progress
    )
