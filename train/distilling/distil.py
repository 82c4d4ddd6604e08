"""Distilling a model: trajectories of the teacher, a student trained on them, its folder."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from ...base import InputError
from ...base.device import FP8, PRECISIONS, peak_memory_bytes
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
from ...export.model.distilled import Distilled, LoraRecord
from ...export.model.parts import FEW_STEP_UNET, OWN_UNET
from ...generate import Generator, SamplePlan, SampleSpec, load_recipe, parse_classes
from ...generate.plan.content import recipe_content
from ...generate.plan.samples import possible_prompts
from ...generate.sampling.conditions import conditions_of
from ...generate.sampling.text import Conditions
from ...generate.settings import GenerateSettings
from ...generate.telling import made_with_progress
from ..loop.checkpoint import CheckpointFolder
from .effect import Effect, measure_effect
from .jumps import kept_steps, plan_jumps, timestep_offset
from .lora_student import check_rank, new_lora_student, write_lora
from .settings import DistilSettings
from .student import GUIDANCE_CHANNELS, new_student
from .training import Distillation, Examples
from .trajectories import TrajectoryFolder

SCHEDULER = "DDIM:trailing"
"""The student's: its step is one exact move along the trajectory."""
_FEWER = 0.7
"""How many jumps of the next lower number of steps are drawn for one."""
_COMPARED = 64  # images, about


@dataclass(frozen=True)
class DistilResult:
    """A student."""

    folder: Path
    """A UNet, or a LoRA of the teacher's, that `diffusers` loads and `--unet` takes."""
    effects: list[Effect]
    """The teacher, then the student with each number of steps."""
    seconds: float
    """Of training, over all starts."""
    loss: float
    """The mean of the last updates."""
    memory: int
    """Bytes at the peak by the end of training: of the process, or allocated on a GPU."""
    weights: int
    """Bytes of the files of weights."""


@dataclass(frozen=True)
class _Trained:
    """A student that is written, as `DistilResult` tells of it."""

    lora: LoraRecord | None
    seconds: float
    loss: float
    memory: int


def distil(
    settings: DistilSettings, out: Path, on_progress: OnStage = lambda progress: None
) -> DistilResult:
    """Distil a model into the new folder `out`.

    What was interrupted goes on from `out`/work, which is removed at the end.

    Raises:
        InputError: for a model that cannot be a teacher, and an `out` that holds something else.
    """
    folder = find_model(settings.model, settings.variant)
    _check_teacher(folder, settings)
    recipe = load_recipe(settings.recipe, settings.guidance)
    classes = parse_classes(settings.classes)
    plan = SamplePlan(recipe, classes, settings.images_per_class, settings.seed)
    _check_plan(plan)
    work = _work_folder(out)
    wanted = _teacher_settings(settings)
    generator = made_with_progress(
        lambda tell: Generator(wanted, device=settings.device, on_progress=tell), on_progress
    )
    scheduler = load_scheduler(folder, SCHEDULER)
    schedules = {steps: schedule_of(scheduler, steps) for steps in settings.steps}
    kept = kept_steps(schedules, generator.schedule)
    made_of = {
        "teacher": source_digest(folder, variant=settings.variant),
        "recipe": recipe_content(recipe),
        "classes": [[item.name, item.prompt] for item in classes],
        "seed": settings.seed,
        "scheduler": settings.scheduler,
        "steps": settings.teacher_steps,
        "kept": kept,
        "precision": str(generator.dtype),
    }
    trajectories = TrajectoryFolder(work / "trajectories", key_digest(made_of))
    latents = trajectories.make(generator, plan, kept, on_progress)
    shares = {steps: _FEWER**place for place, steps in enumerate(sorted(settings.steps)[::-1])}
    jumps = plan_jumps(schedules, generator.schedule, shares)
    examples = Examples(plan, latents, jumps, lambda specs: _conditions(generator, specs))
    checkpoints = CheckpointFolder(
        work, {"distillation": key_digest({**made_of, "training": settings.training})}
    )
    trained = _train(settings, generator, examples, checkpoints, out, on_progress)
    # Last: without it the UNet is not taken.
    replace(_record(settings, plan, generator), lora=trained.lora).write(out)
    others = SamplePlan(recipe, classes, -(-_COMPARED // len(classes)), settings.seed + 1)
    effects = measure_effect(generator, wanted, out, settings.steps, others, on_progress)
    shutil.rmtree(work)
    weights = sum(path.stat().st_size for path in out.glob("*.safetensors"))
    return DistilResult(
        out, effects, trained.seconds, trained.loss, memory=trained.memory, weights=weights
    )


def _train(
    settings: DistilSettings,
    teacher: Generator,
    examples: Examples,
    checkpoints: CheckpointFolder,
    out: Path,
    on_progress: OnStage,
) -> _Trained:
    """Train a student and write its weights into `out`."""
    # fp16 would need its gradients scaled.
    dtype = torch.bfloat16 if teacher.dtype == torch.bfloat16 else torch.float32
    unet, device, rank = teacher.folder / "unet", teacher.device, settings.lora_rank
    if rank is None:
        student = new_student(unet, device, settings.variant)
    else:
        student = new_lora_student(unet, device, dtype, rank, settings.seed, settings.variant)
    if settings.gradient_checkpointing:
        student.enable_gradient_checkpointing()
    distillation = Distillation(student, settings, dtype, checkpoints)
    weights: Any = distillation.train(examples, on_progress)
    memory, lora = peak_memory_bytes(device), None
    if rank is None:
        weights.half().save_pretrained(out)
    else:
        lora = write_lora(student, weights, rank, out)
    return _Trained(lora, distillation.seconds, distillation.loss, memory)


def _record(settings: DistilSettings, plan: SamplePlan, teacher: Generator) -> Distilled:
    """How the student is to be run."""
    scales = [spec.guidance for spec in plan]
    return Distilled(
        scheduler=SCHEDULER,
        timestep_offsets={n: timestep_offset(n, settings.steps) for n in settings.steps},
        guidance=(min(scales), max(scales)),
        prediction_type=teacher.engines.info.prediction_type,
        teacher=source_digest(teacher.folder, variant=settings.variant),
    )


def _conditions(generator: Generator, specs: Sequence[SampleSpec]) -> Conditions:
    """What a student is told of samples: text and guidance, without rows that have none."""
    info = replace(generator.engines.info, guidance_channels=GUIDANCE_CHANNELS)
    size = generator.engines.generate_size
    return conditions_of(specs, generator.text, info, size, generator.device)


def _check_teacher(folder: Path, settings: DistilSettings) -> None:
    if settings.precision == FP8:
        raise InputError(
            f"precision {FP8!r} changes what a teacher teaches: choose from auto, "
            f"{', '.join(PRECISIONS)}"
        )
    if is_exported(folder):
        raise InputError(
            f"{str(folder)!r} holds ONNX graphs, which cannot be trained: give the folder that it "
            "was exported from"
        )
    if not check_model_folder(folder, settings.variant).guided:
        raise InputError(
            f"model folder {str(folder)!r} is distilled already, for it has guidance built in: "
            "give the model that it was distilled from"
        )
    if settings.lora_rank is not None:
        check_rank(folder / "unet", settings.lora_rank, settings.variant)


def _check_plan(plan: SamplePlan) -> None:
    for text in possible_prompts(plan):
        if away := text.text.negative_prompt:
            raise InputError(
                f"recipe {plan.recipe.name!r} has the negative prompt {away!r}, which a distilled "
                "UNet takes none of: give a recipe without"
            )


def _work_folder(out: Path) -> Path:
    """Where work is kept; `InputError` where `out` holds what no distillation began."""
    if str(out) in (OWN_UNET, FEW_STEP_UNET):
        raise InputError(
            f"{str(out)!r} is what --unet calls a UNet that a model brings along: give the folder "
            "another name"
        )
    work = out / "work"
    if out.exists() and not work.is_dir() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{str(out)!r} exists and is not a distillation under way: name a new one")
    work.mkdir(parents=True, exist_ok=True)
    return work


def _teacher_settings(settings: DistilSettings) -> GenerateSettings:
    return GenerateSettings(
        model=settings.model,
        variant=settings.variant,
        unet=OWN_UNET,
        engine=settings.engine,
        precision=settings.precision,
        scheduler=settings.scheduler,
        steps=settings.teacher_steps,
        batch_size=settings.batch_size,
    )
