"""What writing a dataset costs the generator: the real job against a sink that keeps nothing.

    zeroreal bench dataset webdataset-jpg --result FILE

One generator makes the same images in turn for each: for the null sink in one go, for the job shard
by shard, encoded, written, flushed to the disk and committed, with the worker's note and the
contact sheet, which a round has once however short it is.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...base import unknown
from ...data.formats import IMAGE_FORMATS, SHARD_FORMATS
from ...generate import GenerateSettings, Generator
from ...generate.dataset.config.settings import DatasetSettings
from ...report.results.metric import Metric
from ...report.results.result import Figures, Row
from ..harness import (
    SILENT,
    Contender,
    Measurement,
    Progress,
    Rounds,
    check_counts,
    doubts,
    measured_row,
    run_rounds,
)
from .jobs import Job, NullSink, job_metrics, with_format
from .settings import DatasetBenchSettings

NULL_SINK = "null sink"
CASES = (
    *(f"{one}-{image}" for one in SHARD_FORMATS if one != "npy" for image in IMAGE_FORMATS),
    "npy",
)


def measure_dataset(settings: DatasetBenchSettings, progress: Progress = SILENT) -> Figures:
    """Measure; what there is is kept after every round.

    Ctrl-C ends the measurement with the rounds that are finished. Raises `InputError` for settings
    that cannot be used.
    """
    for name in settings.cases:
        if name not in CASES:
            raise unknown("dataset case", name, CASES)
    check_counts({"rounds": settings.rounds, "images per class": settings.images_per_class})
    progress.tell("preparing the generator")
    written = _dataset_settings(settings)
    generator = Generator(written.generate, device=settings.device)
    with tempfile.TemporaryDirectory(dir=settings.work) as folder:
        jobs = {
            name: Job(with_format(written, name), generator, Path(folder))
            for name in settings.cases
        }
        null = NullSink(generator, next(iter(jobs.values())).plan)
        sinks: dict[str, NullSink | Job] = {NULL_SINK: null, **jobs}
        facts = _facts(settings, generator, len(null.plan))
        progress.tell("warming up")
        null.measure()
        null.process_cpu.clear()

        def on_round(rounds: Rounds) -> None:
            progress.tell(f"round {rounds.done} of {rounds.wanted}")
            progress.keep(_figures(rounds, sinks, facts, finished=False))

        contenders = [Contender(name, sink.measure) for name, sink in sinks.items()]
        rounds = run_rounds(contenders, settings.rounds, on_round)
    return _figures(rounds, sinks, facts, finished=rounds.done == rounds.wanted)


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


def _facts(settings: DatasetBenchSettings, generator: Generator, images: int) -> dict[str, Any]:
    facts = generator.facts
    return {
        "engine": facts.engine,
        "precision": str(facts.dtype).removeprefix("torch."),
        "batch_size": facts.batch_size,
        "image_size": facts.image_size,
        "steps": settings.steps,
        "shard_size": settings.shard_size,
        "images": images,
    }


def _figures(
    rounds: Rounds, sinks: dict[str, NullSink | Job], facts: dict[str, Any], finished: bool
) -> Figures:
    baseline = rounds.measurements[0]
    rows = (_row(one, baseline, sinks[one.name], facts["images"]) for one in rounds.measurements)
    return Figures(tuple(rows), facts, tuple(doubts(rounds)), finished)


def _row(own: Measurement, baseline: Measurement, sink: NullSink | Job, images: int) -> Row:
    rates = {"images_per_second": (float(images), "images/s")}
    row = measured_row(own, baseline, rates=rates)
    done = len(own.seconds)
    if not done:
        return row
    if isinstance(sink, NullSink):
        cpu = tuple(one / images for one in sink.process_cpu[:done])
        more = {"process_cpu_seconds_per_image": Metric(cpu, "s", "lower")}
    else:
        more = job_metrics(sink.costs[:done], images)
    if own is not baseline and "ratio" in row.metrics:
        costs = tuple(1 / ratio - 1 for ratio in row.metrics["ratio"].values)
        more["cost"] = Metric(costs, "1", "lower")
    return replace(row, metrics={**row.metrics, **more})
