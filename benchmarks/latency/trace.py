"""Batches as records, one for each batch and step, and as a trace for ui.perfetto.dev.

https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU (trace event format)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..harness.ranges import range_name
from .breakdown import HAND_OFF, BatchRecord

_PROCESS, _HOST, _DEVICE = 1, 1, 2
_BATCHES = 5
_MICROSECONDS = 1e6


def batch_records(records: Sequence[BatchRecord], batch_size: int) -> Iterator[dict[str, Any]]:
    """A record for each batch, followed by one for each of its steps."""
    for number, record in enumerate(records):
        yield {
            "batch": number,
            "batch_size": batch_size,
            "seconds": record.seconds,
            **{f"{name}_seconds": taken for name, taken in record.stage_seconds().items()},
            **{f"{name}_enqueue": given for name, given in record.enqueue_seconds().items()},
        }
        for step, one in enumerate(record.steps()):
            given = one.enqueued and one.enqueued[1] - one.enqueued[0]
            yield {
                "batch": number,
                "step": step + 1,
                "seconds": one.seconds,
                **({} if given is None else {"enqueue_seconds": given}),
            }


def trace_events(records: Sequence[BatchRecord]) -> list[dict[str, Any]]:
    """The first batches' stages, by the names of the NVTX ranges: `denoise/step 3`."""
    events = [
        _named("process_name", "zeroreal", 0),
        _named("thread_name", "host: enqueue", _HOST),
        _named("thread_name", "device", _DEVICE),
    ]
    if not records:
        return events
    origin = records[0].began
    for number, record in enumerate(records[:_BATCHES]):
        start = record.began - origin
        events.append(_event(f"batch {number}", _HOST, start, record.seconds))
        steps = {id(one): place + 1 for place, one in enumerate(record.steps())}
        for one in record.intervals:
            name = range_name(one.name, steps.get(id(one)))
            events.append(_event(name, _DEVICE, start + one.began, one.seconds))
            if one.enqueued is not None:
                began, ended = one.enqueued
                events.append(_event(name, _HOST, start + began, ended - began))
        taken = record.stage_seconds()[HAND_OFF]
        events.append(_event(HAND_OFF, _HOST, start + record.seconds - taken, taken))
    return events


def _event(name: str, thread: int, began: float, seconds: float) -> dict[str, Any]:
    return {
        "name": name,
        "ph": "X",
        "pid": _PROCESS,
        "tid": thread,
        "ts": _MICROSECONDS * began,
        "dur": _MICROSECONDS * seconds,
    }


def _named(kind: str, name: str, thread: int) -> dict[str, Any]:
    return {"name": kind, "ph": "M", "pid": _PROCESS, "tid": thread, "args": {"name": name}}
