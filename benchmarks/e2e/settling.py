"""What the usual way is fastest with: batch and memory format of the pipeline, loader's workers.

python -m zeroreal.benchmarks.e2e.settling JOB.json RESULT.json
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from ..harness import BatchPoint, search_best_batch
from .usual_way import Job, generated, image_loader, load_pipeline, save, train

_BATCHES = (8, 16, 32, 64, 128, 256)
_EPOCHS = 2
_IMAGES = 512
"""That the loader reads."""


def settle(job: Job) -> dict[str, Any]:
    """The job's `batch_size`, `channels_last` and `workers`, measured where they are None."""
    formats = (False, True) if job["channels_last"] is None else (job["channels_last"],)
    sizes = _BATCHES if job["batch_size"] is None else (job["batch_size"],)
    found: dict[tuple[bool, int], float] = {}
    for channels_last in formats:
        for point in _batch_curve({**job, "channels_last": channels_last}, sizes):
            if point.images_per_second is not None:
                found[channels_last, point.batch_size] = point.images_per_second
    channels_last, batch_size = max(found, key=lambda key: found[key])
    chosen = {**job, "channels_last": channels_last, "batch_size": batch_size}
    epochs = _epoch_seconds(chosen)
    return {
        "channels_last": channels_last,
        "batch_size": batch_size,
        "workers": min(epochs, key=lambda workers: epochs[workers]),
        "images_per_second": [[*key, rate] for key, rate in found.items()],
        "epoch_seconds": epochs,
    }


def _batch_curve(job: Job, sizes: tuple[int, ...]) -> tuple[BatchPoint, ...]:
    """Images a second by batch size, up to where a larger one no longer pays."""
    pipeline = load_pipeline(job)
    sample = max(job["samples"], key=lambda sample: sample[2])

    def images_per_second(size: int) -> float:
        batch = {**job, "batch_size": size, "samples": [sample] * size}
        list(generated(pipeline, {**batch, "steps": 1}))  # memory, kernels
        began = time.perf_counter()
        list(generated(pipeline, batch))
        return size / (time.perf_counter() - began)

    return search_best_batch(sizes, images_per_second).curve


def _epoch_seconds(job: Job) -> dict[int, float]:
    """Seconds of an epoch by number of workers, with starting them."""
    folder = Path(job["folder"]) / "images"
    batch = {**job, "samples": [[name, "", 1.0] for name in "ab"], "steps": 1}
    picture = next(generated(load_pipeline(job), batch))[1]
    save([(name, picture) for _ in range(_IMAGES // 2) for name in "ab"], folder)
    counts = range(min(os.cpu_count() or 1, 8) + 1) if job["workers"] is None else [job["workers"]]
    found = {}
    for workers in counts:
        trained = {**job, "workers": workers, "epochs": _EPOCHS}
        began = time.perf_counter()
        train(image_loader(folder, trained), 2, trained)
        found[workers] = (time.perf_counter() - began) / _EPOCHS
    return found


if __name__ == "__main__":
    job_file, result_file = map(Path, sys.argv[1:])
    result_file.write_text(json.dumps(settle(json.loads(job_file.read_text()))))
