"""What writing a dataset costs the generator: the real job against a sink that keeps nothing.

    zeroreal bench dataset webdataset-jpg --result FILE

One generator makes the same images in turn for each: for the null sink in one go, for the job shard
by shard, encoded, written, flushed to the disk and committed, with the worker's note and the
contact sheet, which a round has once however short it is.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ...base import resolve_device, unknown
from ...data.formats import IMAGE_FORMATS, SHARD_FORMATS
from ...generate import GenerateSettings, Generator
from ...generate.dataset.config.settings import DatasetSettings
from ..harness import (
    Contender,
    Measurement,
    Rounds,
    Tell,
    check_counts,
    check_result_path,
    doubts,
    ratios,
    run_facts,
    run_rounds,
    silent,
    spread,
    write_result,
)
from .jobs import Job, NullSink, totals, with_format

NULL_SINK = "null sink"
CASES = (
    *(f"{one}-{image}" for one in SHARD_FORMATS if one != "npy" for image in IMAGE_FORMATS),
    "npy",
)


@dataclass(frozen=True)
class DatasetBenchSettings:
    """What is generated, and how it is written."""

    cases: tuple[str, ...] = ("webdataset-jpg",)
    """Names of `CASES`: a format and that of its images."""
    images_per_class: int = 128
    """Of the ten classes, in a round."""
    shard_size: int = 256
    """Images in a shard."""
    device: str = "cpu"
    """`auto`, `cpu`, `cuda` or `cuda:N`."""
    engine: str = "auto"
    """As for `Generator`."""
    precision: str = "auto"
    """What the models compute in: `auto`, `fp32`, `bf16` or `fp16`."""
    batch_size: int | None = None
    """Images of a batch; what tuning finds if `None`."""
    steps: int = 12
    """Denoising steps."""
    rounds: int = 5
    """How often all take their turn."""
    work: Path | None = None
    """The folder to write into for a while; the system's for temporary files if `None`."""
    result: Path | None = None
    """The file to write."""


def bench_dataset(settings: DatasetBenchSettings, tell: Tell = silent) -> dict[str, Any]:
    """Measure, and give the result, which is written after every round as well.

    Ctrl-C ends the measurement with the rounds that are finished. Raises `InputError` for settings
    that cannot be used.
    """
    device = _check(settings)
    tell("preparing the generator")
    written = _dataset_settings(settings)
    generator = Generator(written.generate, device=settings.device)
    result: dict[str, Any] = {**run_facts(device), **_facts(settings, generator)}
    with tempfile.TemporaryDirectory(dir=settings.work) as folder:
        jobs = {
            name: Job(with_format(written, name), generator, Path(folder))
            for name in settings.cases
        }
        null = NullSink(generator, next(iter(jobs.values())).plan)
        sinks: dict[str, NullSink | Job] = {NULL_SINK: null, **jobs}
        tell("warming up")
        null.measure()
        null.process_cpu.clear()

        def keep(rounds: Rounds) -> None:
            result.update(_figures(rounds, sinks, len(null.plan)))
            if settings.result is not None:
                write_result(settings.result, result)

        def on_round(rounds: Rounds) -> None:
            tell(f"round {rounds.done} of {rounds.wanted}")
            keep(rounds)

        contenders = [Contender(name, sink.measure) for name, sink in sinks.items()]
        keep(run_rounds(contenders, settings.rounds, on_round))
    return result


def _check(settings: DatasetBenchSettings) -> torch.device:
    for name in settings.cases:
        if name not in CASES:
            raise unknown("dataset case", name, CASES)
    check_counts({"rounds": settings.rounds, "images per class": settings.images_per_class})
    if settings.result is not None:
        check_result_path(settings.result)
    return resolve_device(settings.device)


def _dataset_settings(settings: DatasetBenchSettings) -> DatasetSettings:
    generate = GenerateSettings(
        engine=settings.engine,
        precision=settings.precision,
        batch_size=settings.batch_size,
        steps=settings.steps,
    )
    return DatasetSettings(
        images_per_class=settings.images_per_class,
        shard_size=settings.shard_size,
        device=settings.device,
        generate=generate,
    )


def _facts(settings: DatasetBenchSettings, generator: Generator) -> dict[str, Any]:
    facts = generator.facts
    return {
        "threads": torch.get_num_threads(),
        "engine": facts.engine,
        "precision": str(facts.dtype).removeprefix("torch."),
        "batch_size": facts.batch_size,
        "image_size": facts.image_size,
        "steps": settings.steps,
        "shard_size": settings.shard_size,
    }


def _figures(rounds: Rounds, sinks: dict[str, NullSink | Job], images: int) -> dict[str, Any]:
    baseline, found = rounds.measurements[0], doubts(rounds)
    return {
        "images": images,
        "rounds": rounds.done,
        "interrupted": rounds.done < rounds.wanted,
        "sinks": [_row(one, baseline, sinks[one.name], images) for one in rounds.measurements],
        "valid": not found,
        "doubts": found,
    }


def _row(
    own: Measurement, baseline: Measurement, sink: NullSink | Job, images: int
) -> dict[str, Any]:
    row: dict[str, Any] = {"name": own.name, "reason": own.reason, "seconds": own.seconds}
    if not own.seconds:
        return row
    row |= {"spread": spread(own.seconds)}
    row |= {"images_per_second": images / row["spread"]["median"]}
    if isinstance(sink, NullSink):
        seconds = [one / images for one in sink.process_cpu]
        return {**row, "process_cpu_seconds_per_image": seconds}
    percent = [100 * (1 / ratio - 1) for ratio in ratios(own, baseline)]
    row |= {"cost_percent_each_round": percent, "cost_percent": _percent(percent)}
    return row | totals(sink.costs, images)


def _percent(values: list[float]) -> dict[str, float]:
    """The spread of percentages, whose mean may well be near 0: no coefficient of variation."""
    return {name: value for name, value in spread(values).items() if name != "variation"}
