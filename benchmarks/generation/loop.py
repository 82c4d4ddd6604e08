"""What the generator's own loop costs: its share of a step, and images/s as batches add up.

    python -m zeroreal.benchmarks.generation.loop --result benchmarks/results/loop-embedded-cpu.json

On a GPU the engines' time hides behind the device's: there `zeroreal.benchmarks.generation.trace`
tells its
gaps, and the share is left out.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping, Sequence
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
from ..harness import check_result_path, run_facts, spread, write_result


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


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, and write the result."""
    options = _options(arguments)
    if options.result is not None:
        check_result_path(options.result)
    device = resolve_device(options.device)
    generator = Generator(
        device=options.device,
        engine="torch",
        precision=options.precision,
        batch_size=options.batch_size,
        steps=options.steps,
    )
    plan = SamplePlan(load_recipe("base"), parse_classes(RunSettings().classes), 10**6)
    most, few = options.batches * options.batch_size, options.batches // 10 * options.batch_size
    images_per_second(generator, plan[:few])  # warms up
    shares = [
        overhead_share(generator, plan[: options.batch_size])
        for _ in range(options.rounds if device.type == "cpu" else 0)
    ]
    # A long run between two short ones, whose mean says what the machine did at the time.
    ratios = []
    for _ in range(options.rounds):
        before = images_per_second(generator, plan[:few])
        long = images_per_second(generator, plan[:most])
        after = images_per_second(generator, plan[:few])
        ratios.append(long / ((before + after) / 2))
    result: dict[str, Any] = {
        **run_facts(device),
        "threads": torch.get_num_threads(),
        "precision": str(generator.dtype).removeprefix("torch."),
        "batch_size": options.batch_size,
        "steps": options.steps,
        "overhead_share": spread(shares) if shares else None,
        "batches": [options.batches // 10, options.batches],
        "throughput_of_the_longer_run": spread(ratios),
    }
    if options.result is not None:
        write_result(options.result, result)
    print(json.dumps(result, indent=2))


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--batches", type=int, default=100, help="of the longer run")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--result", type=Path)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
