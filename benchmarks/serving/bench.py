"""A server against its own model: throughput, latency under a bounded load, malformed requests."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from ...base import InputError
from ...report.results.metric import Metric
from ...report.results.result import Figures, Row
from ...run.serve.settings import ServeSettings
from ...train.classifier.create import create_classifier
from ...train.classifier.saved import ClassifierCard, save_classifier
from ..harness import SILENT, Progress, Worker, check_counts
from .attack import resident_memory, statuses
from .malformed import malformed_requests
from .processes import Alone, Clients, server
from .settings import ServeBenchSettings

_SIDE = 32
_CLASSES = tuple(map(str, range(10)))
_THROUGHPUT, _LATENCY, _MALFORMED = "throughput", "bounded load", "malformed requests"


def measure_serve(settings: ServeBenchSettings, progress: Progress = SILENT) -> Figures:
    """Measure; Ctrl-C ends it with what is finished. Raises `InputError` for unusable settings."""
    _check(settings)
    with _model(settings) as path, Worker(partial(Alone, path, settings.device)) as alone:
        batch = _best_batch(alone, settings, progress)
        serving = {
            "max_batch": batch,
            "deadline": settings.deadline,
            "device": settings.device,
            "queue": max(ServeSettings.queue, 4 * batch),
        }
        with (
            server(path, serving) as address,
            Worker(partial(Clients, address, alone.call("side"))) as clients,
        ):
            rows: list[Row] = []
            facts = {"max_batch": batch}
            parts: tuple[Callable[[], list[Row]], ...] = (
                lambda: _throughput(alone, clients, batch, settings, progress),
                lambda: _latency(alone, clients, batch, settings, progress),
                lambda: _malformed(address, settings, progress),
            )
            try:
                for part in parts:
                    rows += part()
                    progress.keep(Figures(tuple(rows), facts, finished=False))
            except KeyboardInterrupt:
                return Figures(tuple(rows), facts, finished=False)
    return Figures(tuple(rows), facts, reasons=_doubts(rows))


def _check(settings: ServeBenchSettings) -> None:
    names = ("images", "most_requests", "rounds", "malformed")
    check_counts({name: getattr(settings, name) for name in names})
    if settings.clients is not None:
        check_counts({"clients": settings.clients})
    check_counts({"batch": min(settings.batches, default=0)})
    if not 0 < settings.load < 1:
        raise InputError(f"load is {settings.load}: give a share of the model's, such as 0.3")
    if not settings.seconds > 0:
        raise InputError(f"seconds is {settings.seconds}: give more than 0")
    ServeSettings(deadline=settings.deadline)


@contextmanager
def _model(settings: ServeBenchSettings) -> Iterator[Path]:
    """What is served."""
    if settings.model is not None:
        yield settings.model
        return
    with tempfile.TemporaryDirectory() as folder:
        model = create_classifier(settings.classifier, len(_CLASSES), _SIDE)
        card = ClassifierCard(settings.classifier, _CLASSES, _CLASSES, _SIDE)
        save_classifier(Path(folder), model, card)
        yield Path(folder)


def _best_batch(alone: Worker, settings: ServeBenchSettings, progress: Progress) -> int:
    rates = {}
    for batch in settings.batches:
        rates[batch] = batch / statistics.median(alone.call("seconds", batch, settings.seconds / 3))
        progress.tell(f"alone, batch {batch}: {rates[batch]:,.0f} images/s")
    return max(rates, key=rates.__getitem__)


def _throughput(
    alone: Worker, clients: Worker, batch: int, settings: ServeBenchSettings, progress: Progress
) -> list[Row]:
    """The model's images/s and the server's, in turns."""
    own, served = list[float](), list[float]()
    clients_at_once = settings.clients or max(1, -(-2 * batch // settings.images))
    load = (clients_at_once, settings.images)
    clients.call("throughput", *load, 0.5)
    for number in range(settings.rounds):
        taken = alone.call("seconds", batch, settings.seconds)
        own.append(batch * len(taken) / sum(taken))
        served.append(clients.call("throughput", *load, settings.seconds))
        progress.tell(f"round {number + 1}: {own[-1]:,.0f} alone, {served[-1]:,.0f} served")
    ratio = tuple(ours / theirs for ours, theirs in zip(served, own, strict=True))
    rows = []
    for name, values in (("alone", own), ("served", served)):
        metrics = {"images_per_second": Metric(tuple(values), "images/s", "higher")}
        if name == "served":
            metrics["ratio"] = Metric(ratio, "x", "higher")
        rows.append(Row(name, _THROUGHPUT, metrics, is_baseline=name == "alone"))
    return rows


def _latency(
    alone: Worker, clients: Worker, batch: int, settings: ServeBenchSettings, progress: Progress
) -> list[Row]:
    """What requests take that come at random, and what they may: the deadline and a full batch."""
    compute = statistics.median(alone.call("seconds", batch, settings.seconds / 3))
    rate = min(settings.load * batch / compute, float(settings.most_requests))
    taken: list[float] = []
    for number in range(settings.rounds):
        taken += clients.call("latencies", rate, settings.seconds, number)
        progress.tell(f"bounded load, round {number + 1}: {len(taken)} requests answered")
    metrics = {
        "latency": Metric(tuple(taken), "s", "lower"),
        "latency_bound": Metric((settings.deadline / 1e3 + compute,), "s", "lower"),
    }
    return [Row("served", _LATENCY, metrics, {"requests_per_second": rate})]


def _malformed(address: str, settings: ServeBenchSettings, progress: Progress) -> list[Row]:
    """What malformed requests are answered, and the memory that the second half of them takes."""
    half = (settings.malformed + 1) // 2
    requests = list(malformed_requests(settings.malformed))
    found = statuses(address, requests[:half])
    before = resident_memory(address)
    found += statuses(address, requests[half:])
    grown = resident_memory(address) - before
    progress.tell(f"malformed requests: {dict(sorted(found.items()))}")
    answered = settings.malformed - found["none"]
    metrics = {
        "answered": Metric((float(answered),), "requests", "higher"),
        "memory_growth_bytes": Metric((grown,), "B", "lower"),
    }
    return [Row("served", _MALFORMED, metrics, {"statuses": dict(sorted(found.items()))})]


def _doubts(rows: list[Row]) -> tuple[str, ...]:
    """Why the server's figures are not to be trusted: it failed on what it should have refused."""
    found = rows[-1].facts["statuses"]
    failed = sum(count for status, count in found.items() if status.startswith("5"))
    return (f"the server failed on {failed} malformed requests",) if failed else ()
