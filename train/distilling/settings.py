"""What decides a distillation. Free of PyTorch, so that the command's help is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...base.errors import InputError
from ...base.settings import option
from ...generate.model_settings import ModelSettings
from ...generate.plan.settings import PlanSettings


def _numbers(text: str) -> tuple[int, ...]:
    """Whole numbers separated by commas."""
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise InputError(f"{text!r} is not a list of steps: give numbers such as 4,2,1") from None


@dataclass(frozen=True)
class DistilSettings(PlanSettings, ModelSettings):
    """How a model is distilled, on images of which prompts and guidance.

    One trajectory of the model, the teacher, is made for each image of the plan. Raises
    `InputError` for values out of range.
    """

    images_per_class: int = option(2400, short="-n")
    """Trajectories for each class."""
    steps: tuple[int, ...] = option((4, 2, 1), read=_numbers, shown="4,2,1")
    """Numbers of steps that the one student serves."""
    teacher_steps: int = 12
    """Steps of the teacher: a multiple of each of the student's."""
    scheduler: str = "DPMSolverMultistep:trailing"
    """The teacher's scheduler; it must not scale latents."""
    lora_rank: int | None = option(None, shown="a whole UNet")
    """Train LoRA of this rank beside the UNet, which stays as it is: for large models."""
    updates: int = 3000
    """Updates of the student's weights."""
    train_batch_size: int = 96
    """Jumps in each update."""
    learning_rate: float = 6e-4
    """Of Adam: constant for 40 % of the updates, then falling to zero along a cosine."""
    moving_average: float = 0.99
    """How much of the average of the weights, which is what is kept, each update leaves."""
    gradient_checkpointing: bool = False
    """Compute activations a second time for the gradients: less memory, more time."""
    device: str = "auto"
    """Where to work: auto, cpu, cuda or cuda:N."""
    precision: str = "auto"
    """What teacher and student compute in: auto, fp32, bf16 or fp16; what learns stays float32."""
    engine: str = "auto"
    """The teacher's."""
    batch_size: int | None = option(None, shown="what tuning finds")
    """Trajectories made at once."""
    checkpoint_seconds: float = 60.0
    """About how often the student is saved while it learns."""

    @property
    def training(self) -> dict[str, Any]:
        """What decides the student, beside the trajectories."""
        names = ("steps", "updates", "train_batch_size", "learning_rate", "moving_average")
        rank = {} if self.lora_rank is None else {"lora_rank": self.lora_rank}
        return {**{name: getattr(self, name) for name in (*names, "images_per_class")}, **rank}

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("updates", "train_batch_size", "teacher_steps"):
            if getattr(self, name) < 1:
                words = name.replace("_", " ")
                raise InputError(f"{words} is {getattr(self, name)}: at least 1 is needed")
        if self.lora_rank is not None and self.lora_rank < 1:
            raise InputError(
                f"LoRA rank is {self.lora_rank}: give 1 or more, or leave it out for a whole UNet"
            )
        if not self.steps or min(self.steps) < 1 or len(set(self.steps)) < len(self.steps):
            raise InputError(
                f"steps {self.steps} are no different numbers of 1 or more: give some such as 4,2,1"
            )
        if odd := [n for n in self.steps if self.teacher_steps % n or n == self.teacher_steps]:
            raise InputError(
                f"{odd[0]} steps were asked of a student whose teacher takes {self.teacher_steps}: "
                "give divisors of the teacher's steps, such as 4,2,1 of 12"
            )
        if not 0 < self.learning_rate < 1:
            raise InputError(f"learning rate is {self.learning_rate}: it must be in (0, 1)")
        if not 0 <= self.moving_average < 1:
            raise InputError(f"moving average is {self.moving_average}: it must be in [0, 1)")
