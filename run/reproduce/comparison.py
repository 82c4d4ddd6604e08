"""What two runs of the same configuration have in common, and what not."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...base import InputError
from ...base.reading import load_json
from ...data.decode import stored_pixels
from ...train.classifier.saved import load_classifier
from ..folder import read_made_with
from ..report.summary import METRICS, RunSummary, summary_of

SAMPLES = "samples.png"
_REMEDY = "restore the run's files, or run it again"
_SHOWN = 12  # digits of a digest


@dataclass(frozen=True)
class Compared:
    """One thing of both runs, as people are told it."""

    what: str
    before: str
    now: str
    same: bool


@dataclass(frozen=True)
class Reproduction:
    """A run that was made again, beside the one that it was made of."""

    run: Path
    again: Path
    results: tuple[Compared, ...]
    """What came out."""
    conditions: tuple[Compared, ...]
    """What it came out under: versions, device, threads; those that differ."""

    @property
    def same(self) -> bool:
        """Whether all that came out is the same."""
        return all(one.same for one in self.results)

    def text(self) -> str:
        """As JSON."""
        content = asdict(self) | {"run": str(self.run), "again": str(self.again)}
        return json.dumps({**content, "same": self.same}, indent=2, ensure_ascii=False) + "\n"


def compared(run: Path, again: Path) -> Reproduction:
    """What the finished runs in two folders have in common.

    Raises `InputError` for a folder without a finished run, or with damaged files.
    """
    before, now = read_summary(run), read_summary(again)
    results = [
        _plain("images", before.images, now.images),
        _plain("images left out", before.rejected, now.rejected),
        _samples(run / SAMPLES, again / SAMPLES),
        _plain("engine", _engine(before), _engine(now)),
        _curve("training loss", before.training.loss, now.training.loss),
        _weights(run, again),
    ]
    if before.test is not None or now.test is not None:
        results.append(_plain("accuracy", _accuracy(before), _accuracy(now)))
        results.append(_confusion(before, now))
    return Reproduction(run, again, tuple(results), tuple(_conditions(run, again, before, now)))


def read_summary(folder: Path) -> RunSummary:
    """The figures of the finished run in `folder`; `InputError` where they are damaged."""
    content = load_json(folder / METRICS, "figures", _REMEDY)
    try:
        return summary_of(content)
    except (TypeError, KeyError, ValueError, AttributeError):  # pydantic's is a ValueError
        raise InputError(f"figures {str(folder / METRICS)!r} are damaged: {_REMEDY}") from None


def _plain(what: str, before: object, now: object) -> Compared:
    return Compared(what, str(before), str(now), before == now)


def _engine(summary: RunSummary) -> str:
    steps = f"{summary.steps} steps of {summary.scheduler}"
    return "none" if summary.engine is None else f"{summary.engine}, {summary.dtype}, {steps}"


def _accuracy(summary: RunSummary) -> str:
    test = summary.test
    return "none" if test is None else f"{100 * test.accuracy:.2f} % of {test.images:,}"


def _samples(before: Path, now: Path) -> Compared:
    """The first images of each class, which a run's folder shows; their pixels, not the file's."""
    absent = ["absent" if not path.is_file() else "-" for path in (before, now)]
    if "absent" in absent:
        return Compared(SAMPLES, absent[0], absent[1], False)
    first, second = (stored_pixels(path, str(path)).astype(np.int16) for path in (before, now))
    if first.shape != second.shape:
        sizes = [f"{one.shape[:2]} pixels" for one in (first, second)]
        return Compared(SAMPLES, sizes[0], sizes[1], False)
    apart = int(np.abs(first - second).max())
    told = "the same pixels" if apart == 0 else f"up to {apart} of 255 apart"
    return Compared(SAMPLES, "-", told, apart == 0)


def _curve(what: str, before: list[float], now: list[float]) -> Compared:
    last = [f"{loss[-1]:.6g}" if loss else "none" for loss in (before, now)]
    for epoch, (one, two) in enumerate(zip(before, now, strict=False), 1):
        if one != two:
            return Compared(what, last[0], f"{last[1]}, another from epoch {epoch} on", False)
    return Compared(what, last[0], last[1], len(before) == len(now))


def _weights(run: Path, again: Path) -> Compared:
    before, now = (
        load_classifier(folder, torch.device("cpu")).model.state_dict() for folder in (run, again)
    )
    told, same = _digest(now), _digest(before) == _digest(now)
    if not same:
        told += f", up to {_apart(before, now):.2g} apart"
    return Compared("classifier's weights", _digest(before), told, same)


def _digest(state: Mapping[str, Tensor]) -> str:
    """Of the numbers: a file's has its tensors in any order."""
    digest = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)} ".encode())
        digest.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:_SHOWN]


def _apart(before: Mapping[str, Tensor], now: Mapping[str, Tensor]) -> float:
    if {name: one.shape for name, one in before.items()} != {
        name: one.shape for name, one in now.items()
    }:
        return float("inf")
    return max(float((before[name].double() - now[name].double()).abs().max()) for name in before)


def _confusion(before: RunSummary, now: RunSummary) -> Compared:
    tables = [None if one.test is None else np.array(one.test.confusion) for one in (before, now)]
    what = "predictions by class"
    if tables[0] is None or tables[1] is None or tables[0].shape != tables[1].shape:
        return Compared(what, "-", "of other classes, or none", False)
    moved = int(np.abs(tables[0] - tables[1]).sum()) // 2
    return Compared(what, "-", "the same" if not moved else f"{moved} moved", moved == 0)


def _conditions(run: Path, again: Path, before: RunSummary, now: RunSummary) -> Iterator[Compared]:
    first: dict[str, Any] = {**before.environment, "zeroreal": before.zeroreal}
    second: dict[str, Any] = {**now.environment, "zeroreal": now.zeroreal}
    first |= {"threads": read_made_with(run).get("threads")}
    second |= {"threads": read_made_with(again).get("threads")}
    for name in dict.fromkeys((*first, *second)):
        one, two = first.get(name), second.get(name)
        if one != two:
            yield Compared(name, str(one or "none"), str(two or "none"), False)
