"""What the generator's own loop costs: its share of a step, and images/s as batches add up.

    zeroreal bench loop --result benchmarks/results/loop-embedded-cpu.json

On a GPU the engines' time hides behind the device's: there `zeroreal bench trace` tells its gaps,
and the share is left out.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...base import resolve_device
from ...engine import Engine
from ...generate import Generator, SamplePlan, SampleSpec, load_recipe, parse_classes
from ...generate.sampling.conditions import conditions_of
from ...generate.sampling.sampler import Sampler
from ...run import RunSettings
from ..harness import (
    Tell,
    check_counts,
    check_result_path,
    run_facts,
    silent,
    spread,
    write_result,
)

_LONGER = 10  # times as many batches as in the shorter run


@dataclass(frozen=True)
class LoopSettings:
    """What is generated, and how often."""

    device: str = "cpu"
    """`auto`, `cpu`, `cuda` or `cuda:N`."""
    precision: str = "auto"
    """What the models compute in: `auto`, `fp32`, `bf16` or `fp16`."""
    batch_size: int = 32
    """Images of a batch."""
    steps: int = 12
    """Denoising steps of an image."""
    batches: int = 100
    """Batches of the longer run; the shorter has a tenth of them."""
    rounds: int = 5
    """How often both runs take their turn."""
    result: Path | None = None
    """The file to write."""


class TimedEngine:
    """An engine that adds up the seconds spent in it."""

    def __init__(self, engine: Engine) -> None:
        self.backend, self.spec = engine.backend, engine.spec
        self.profile, self.device = engine.profile, engine.device
        self.seconds = 0.0
        self._engine = engine

    def __call__(
        self, inputs: Mapping[str, Tensor], outputs: Mapping[str, Tensor] | None = None
    ) -> dict[str, Tensor]:
        """Run the engine; see `Engine`."""
        began = time.perf_counter()
        results = self._engine(inputs, outputs)
        self.seconds += time.perf_counter() - began
        return results


def overhead_share(generator: Generator, specs: Sequence[SampleSpec]) -> float:
    """Share of a batch's denoising that is not spent in the engine."""
    engines = generator.engines
    engine = TimedEngine(engines.denoise)
    sampler = Sampler(engine, generator.schedule)
    size, device = engines.generate_size, generator.device
    conditions = conditions_of(specs, generator.text, engines.info, size, device)
    seeds = torch.tensor([spec.seed for spec in specs])
    _, channels, height, width = generator.noise(specs[:1]).shape
    shape = (channels, height, width)
    sampler(seeds, shape, conditions)  # allocates
    engine.seconds, began = 0.0, time.perf_counter()
    sampler(seeds, shape, conditions)
    return 1 - engine.seconds / (time.perf_counter() - began)


def images_per_second(generator: Generator, specs: Sequence[SampleSpec]) -> float:
    """Of all `specs`, each batch finished when it is handed over."""
    began = time.perf_counter()
    made = sum(len(batch.specs) for batch in generator.generate(specs))
    return made / (time.perf_counter() - began)


def bench_loop(settings: LoopSettings, tell: Tell = silent) -> dict[str, Any]:
    """Measure, and give the result, which is written as well.

    Raises `InputError` for settings that cannot be used.
    """
    device = _check(settings)
    generator = Generator(
        device=settings.device,
        engine="torch",
        precision=settings.precision,
        batch_size=settings.batch_size,
        steps=settings.steps,
    )
    plan = SamplePlan(load_recipe("base"), parse_classes(RunSettings().classes), 10**6)
    batches = settings.batches // _LONGER, settings.batches
    few, many = (plan[: count * settings.batch_size] for count in batches)
    tell("warming up")
    images_per_second(generator, few)
    shares = [
        overhead_share(generator, plan[: settings.batch_size])
        for _ in range(settings.rounds if device.type == "cpu" else 0)
    ]
    ratios = []
    for number in range(settings.rounds):
        ratios.append(_long_to_short(generator, few, many))
        tell(f"round {number + 1} of {settings.rounds}")
    result: dict[str, Any] = {
        **run_facts(device),
        "threads": torch.get_num_threads(),
        "precision": str(generator.dtype).removeprefix("torch."),
        "batch_size": settings.batch_size,
        "steps": settings.steps,
        "overhead_share": spread(shares) if shares else None,
        "batches": list(batches),
        "throughput_of_the_longer_run": spread(ratios),
    }
    if settings.result is not None:
        write_result(settings.result, result)
    return result


def _check(settings: LoopSettings) -> torch.device:
    check_counts({"batch size": settings.batch_size, "rounds": settings.rounds})
    check_counts({"batches": settings.batches}, least=_LONGER)
    device = resolve_device(settings.device)
    if settings.result is not None:
        check_result_path(settings.result)
    return device


def _long_to_short(
    generator: Generator, few: Sequence[SampleSpec], many: Sequence[SampleSpec]
) -> float:
    """Images/s of a long run over the mean of a short one's before and after it.

    The mean says what the machine did at the time.
    """
    before = images_per_second(generator, few)
    long = images_per_second(generator, many)
    after = images_per_second(generator, few)
    return long / ((before + after) / 2)
