"""A run's files against each other and against PyTorch, in turns."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from ...base import InputError
from ...report.results.metric import Metric
from ...report.results.result import Figures, Row
from ...run import Deployment, DeploySettings, RunSettings, deploy_run, run
from ...train.classifier.saved import WEIGHTS
from ..harness import SILENT, Progress, Worker, check_counts
from ..serving.processes import Alone
from .settings import DeployBenchSettings

_TORCH, _BASELINE = "torch", "onnx"
_TARGETS = (_BASELINE, "int8", "openvino")
_FILES, _ONE, _BEST = "files", "batch 1", "best batch"
_KEPT = 200
"""Times of single calls that a round keeps at most, evenly spread: all would be megabytes."""
_Rates = Mapping[str, list[float]]


def measure_deploy(settings: DeployBenchSettings, progress: Progress = SILENT) -> Figures:
    """Measure; Ctrl-C ends it with what is finished. Raises `InputError` for unusable settings."""
    wanted = _checked(settings)
    with _run(settings, progress) as folder, tempfile.TemporaryDirectory() as made:
        deployment = deploy_run(folder, Path(made) / "files", wanted)
        paths = {_TORCH: folder}
        paths |= {one.target: deployment.folder / one.name for one in deployment.files}
        rows = _of_files(deployment, folder)
        progress.keep(Figures(tuple(rows), finished=False))
        with ExitStack() as stack:
            workers = {
                name: stack.enter_context(Worker(partial(Alone, path, "cpu")))
                for name, path in paths.items()
            }
            try:
                rows += _turns(workers, settings, progress)
            except KeyboardInterrupt:
                return Figures(tuple(rows), finished=False)
    return Figures(tuple(rows))


def _checked(settings: DeployBenchSettings) -> DeploySettings:
    check_counts({name: getattr(settings, name) for name in ("images_per_class", "rounds")})
    check_counts({"batch": min(settings.batches, default=0)})
    if not settings.seconds > 0:
        raise InputError(f"seconds is {settings.seconds}: give more than 0")
    return DeploySettings(
        to=_TARGETS,
        size=settings.size,
        synthetic=settings.synthetic,
        regenerate=True,
        data=settings.data,
        device="cpu",
    )


@contextmanager
def _run(settings: DeployBenchSettings, progress: Progress) -> Iterator[Path]:
    """The folder of the run that is deployed."""
    if settings.run is not None:
        yield settings.run
        return
    progress.tell(f"a run of {settings.images_per_class} images of each class")
    with tempfile.TemporaryDirectory() as folder:
        short = RunSettings(images_per_class=settings.images_per_class, device="cpu")
        yield run(short, Path(folder) / "run").folder


def _of_files(deployment: Deployment, folder: Path) -> list[Row]:
    """Size, accuracy and agreement of each file, and of what they are compared with."""
    weights = float((folder / WEIGHTS).stat().st_size)
    found = [
        (_TORCH, weights, deployment.accuracy, None),
        *((one.target, float(one.bytes), one.accuracy, one.agreement) for one in deployment.files),
    ]
    rows = []
    for name, size, accuracy, agreement in found:
        metrics = {"bytes": Metric((size,), "B", "lower")}
        for key, share in (("accuracy", accuracy), ("agreement", agreement)):
            if share is not None:
                metrics[key] = Metric((share,), "1", "higher")
        rows.append(Row(name, _FILES, metrics, is_baseline=name == _BASELINE))
    return rows


def _turns(
    workers: Mapping[str, Worker], settings: DeployBenchSettings, progress: Progress
) -> list[Row]:
    """Latency at batch 1 and images/s at the best batch of each contender, round after round."""
    best = {name: _best_batch(name, one, settings, progress) for name, one in workers.items()}
    taken: dict[str, list[float]] = {name: [] for name in workers}
    single: dict[str, list[float]] = {name: [] for name in workers}
    many: dict[str, list[float]] = {name: [] for name in workers}
    for number in range(settings.rounds):
        for name, worker in workers.items():
            calls = worker.call("seconds", 1, settings.seconds)
            taken[name] += calls[:: -(-len(calls) // _KEPT)]
            single[name].append(1 / statistics.median(calls))
            calls = worker.call("seconds", best[name], settings.seconds)
            many[name].append(best[name] / statistics.median(calls))
        ratio = single["int8"][-1] / single[_BASELINE][-1]
        progress.tell(f"round {number + 1}: int8 at batch 1 {ratio:.2f} times {_BASELINE}")
    rows = []
    for case, rates in ((_ONE, single), (_BEST, many)):
        for name in workers:
            metrics = _metrics(name, rates)
            if case == _ONE:
                metrics["latency"] = Metric(tuple(taken[name]), "s", "lower")
            facts = {"batch_size": 1 if case == _ONE else best[name]}
            rows.append(Row(name, case, metrics, facts, is_baseline=name == _BASELINE))
    return rows


def _metrics(name: str, rates: _Rates) -> dict[str, Metric]:
    """Images/s of each round and, but for the baseline, how many times its own they are."""
    metrics = {"images_per_second": Metric(tuple(rates[name]), "images/s", "higher")}
    if name != _BASELINE:
        pairs = zip(rates[name], rates[_BASELINE], strict=True)
        metrics["ratio"] = Metric(tuple(own / theirs for own, theirs in pairs), "x", "higher")
    return metrics


def _best_batch(
    name: str, worker: Worker, settings: DeployBenchSettings, progress: Progress
) -> int:
    rates = {
        batch: batch / statistics.median(worker.call("seconds", batch, settings.seconds / 3))
        for batch in settings.batches
    }
    best = max(rates, key=rates.__getitem__)
    progress.tell(f"{name}: best at a batch of {best}")
    return best
