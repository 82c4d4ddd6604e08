"""What the generator's own loop costs: its share of a step, and images/s as batches add up.

On a GPU the engines' time hides behind the device's: there `zeroreal bench trace` tells its gaps,
and the share is left out.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ...base import resolve_device
from ...engine import Engine
from ...generate import Generator, SamplePlan, SampleSpec, load_recipe, parse_classes
from ...generate.sampling.conditions import conditions_of
from ...generate.sampling.sampler import Sampler
from ...report.results.metric import Metric
from ...report.results.result import Figures, Row
from ...run import RunSettings
from ..harness import SILENT, Progress, check_counts
from ..harness.summary import LEAST_ROUNDS
from .settings import LoopSettings

_LONGER = 10  # times as many batches as in the shorter run
_WARM_UP_RUNS = 2  # the first compiles and allocates, the second records what can be


@dataclass
class _Rounds:
    """What was measured so far, one figure a round."""

    rates: list[float] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)
    shares: list[float] = field(default_factory=list)


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


def measure_loop(settings: LoopSettings, progress: Progress = SILENT) -> Figures:
    """Measure; Ctrl-C ends it with the rounds that are finished.

    Raises `InputError` for settings that cannot be used.
    """
    check_counts({"batch size": settings.batch_size, "rounds": settings.rounds})
    check_counts({"batches": settings.batches}, least=_LONGER)
    device = resolve_device(settings.device)
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
    progress.tell("warming up")
    for _ in range(_WARM_UP_RUNS):
        images_per_second(generator, few)
    rounds = _Rounds()
    try:
        for number in range(settings.rounds):
            if device.type == "cpu":
                batch = plan[: settings.batch_size]
                rounds.shares.append(overhead_share(generator, batch))
            _one_round(generator, few, many, rounds)
            progress.tell(f"round {number + 1} of {settings.rounds}")
    except KeyboardInterrupt:
        if not rounds.ratios:
            raise
    return _figures(settings, generator, batches, rounds)


def _figures(
    settings: LoopSettings, generator: Generator, batches: tuple[int, int], rounds: _Rounds
) -> Figures:
    done = len(rounds.ratios)
    metrics = {
        "images_per_second": Metric(tuple(rounds.rates), "images/s", "higher"),
        "long_to_short": Metric(tuple(rounds.ratios), "x", "higher"),
    }
    if rounds.shares:
        metrics["overhead_share"] = Metric(tuple(rounds.shares), "1", "lower")
    facts = {
        "precision": str(generator.dtype).removeprefix("torch."),
        "batches": list(batches),
    }
    few = done < LEAST_ROUNDS
    return Figures(
        rows=(Row("ours", metrics=metrics),),
        facts=facts,
        reasons=(f"{done} rounds are few, {LEAST_ROUNDS} tell more",) if few else (),
        finished=done == settings.rounds,
    )


def _one_round(
    generator: Generator, few: Sequence[SampleSpec], many: Sequence[SampleSpec], rounds: _Rounds
) -> None:
    """Images/s of a long run, and over the mean of a short one's before and after it.

    The mean says what the machine did at the time.
    """
    before = images_per_second(generator, few)
    long = images_per_second(generator, many)
    after = images_per_second(generator, few)
    rounds.rates.append(long)
    rounds.ratios.append(long / ((before + after) / 2))
