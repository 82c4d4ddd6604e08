"""What the latency benchmark is asked for."""

from __future__ import annotations

from dataclasses import dataclass

from ...base.errors import InputError, unknown
from ...base.settings import option, section
from ...generate.settings import GenerateSettings

PARTS = ("stages", "sweep", "start")
"""What can be measured: the stages of a batch, batch sizes, and new processes."""


def batch_sizes(text: str) -> tuple[int, ...]:
    """Batch sizes from text such as `1,2,4`, ascending, each once."""
    sizes = text.split(",")
    if not all(size.strip().isdecimal() and int(size) for size in sizes):
        raise InputError(f"{text!r} are no batch sizes: give numbers from 1 on, such as 1,2,4")
    return tuple(sorted({int(size) for size in sizes}))


@dataclass(frozen=True)
class LatencySettings:
    """What is generated, and what is measured of it.

    Raises `InputError` for numbers out of range and for parts that there are not.
    """

    parts: tuple[str, ...] = option((), is_argument=True, shown="all")
    """What to measure: stages, sweep (of batch sizes), start (of new processes)."""
    random_weights: str | None = None
    """In place of a model: an architecture, such as sd15."""
    recipe: str = "base"
    """Of the prompts."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    batches: int = 100
    """Batches whose stages are timed, and as many that are timed as a whole; 100 give a 99th
    percentile, 1000 a 99.9th."""
    known_prompts: bool = False
    """Keep text embeddings, as long runs do, in place of encoding the prompts of every batch."""
    sizes: tuple[int, ...] = option((1, 2, 4, 8, 16, 32), read=batch_sizes)
    """Batch sizes of the sweep."""
    sweep_batches: int = 10
    """Batches of each size of the sweep."""
    starts: int = 5
    """New processes, each of which loads and generates one batch."""
    guard_images: int = 8
    """Images compared to those of PyTorch, eager, in fp32: a fast wrong engine cannot win."""
    least_psnr: float = 20.0
    """Signal-to-noise ratio in dB that these must reach for the result to be valid."""
    reference: str | None = option(None, shown="the model itself")
    """The model that an export was made from, for these images and to count operations on."""
    generate: GenerateSettings = section(GenerateSettings, panel="Generation")

    def __post_init__(self) -> None:
        for part in self.parts:
            if part not in PARTS:
                raise unknown("part", part, PARTS)
        for name in ("batches", "sweep_batches", "starts", "guard_images"):
            if (value := getattr(self, name)) < 1:
                raise InputError(f"{name.replace('_', ' ')} is {value}: at least 1 is needed")
        if self.generate.model is not None and self.random_weights is not None:
            raise InputError("both a model and random weights were given: leave one of them out")
