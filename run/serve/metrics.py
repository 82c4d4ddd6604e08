"""What Prometheus is told of a server."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


class Metrics:
    """Counters of one server, and the memory and time of its process."""

    def __init__(self, waiting: Callable[[], int]) -> None:
        registry = self._registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._requests = Counter(
            "zeroreal_requests",
            "Requests that were answered",
            ("endpoint", "status"),
            registry=registry,
        )
        self._request_seconds = Histogram(
            "zeroreal_request_seconds",
            "From a request's headers to its answer",
            ("endpoint",),
            buckets=_SECONDS,
            registry=registry,
        )
        self._batch_images = Histogram(
            "zeroreal_batch_images",
            "Images that were judged at once",
            buckets=_SIZES,
            registry=registry,
        )
        self._batch_seconds = Histogram(
            "zeroreal_batch_seconds", "Of judging a batch", buckets=_SECONDS, registry=registry
        )
        Gauge(
            "zeroreal_waiting_images", "Images of requests under way", registry=registry
        ).set_function(waiting)

    def on_request(self, endpoint: str, status: int, seconds: float) -> None:
        """A request was answered."""
        self._requests.labels(endpoint, str(status)).inc()
        self._request_seconds.labels(endpoint).observe(seconds)

    def on_batch(self, images: int, seconds: float) -> None:
        """A batch was judged."""
        self._batch_images.observe(images)
        self._batch_seconds.observe(seconds)

    def text(self) -> bytes:
        """All of them, as Prometheus reads them."""
        return generate_latest(self._registry)
