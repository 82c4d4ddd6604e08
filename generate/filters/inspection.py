"""Sorting finished images: handed over, made again from other noise, or left out."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ...base.device_part import is_on_part
from ...base.transfer import to_device
from ..image_batch import ImageBatch
from ..sampling.batches import Draft
from ..sampling.decoder import Decoded
from .pictures import FAULTS
from .quality import Quality


@dataclass(frozen=True)
class Sorted:
    """What became of a batch of drafts."""

    finished: ImageBatch
    """What is handed over."""
    again: list[Draft]
    """The next attempts at what is not good enough."""
    left_out: list[Draft]
    """What was no picture at its last attempt either, with the reason of every attempt."""


class Inspection:
    """Judges the batches of one unit of work, which begins with it for all filters.

    On a GPU the filters work on a stream of their own, so that the host, which waits for their
    verdicts, does not wait for the next batch too.

    Args:
        quality: what is asked of images.
        done: indices of samples whose images are neither judged nor handed over.
        device: of the images.
    """

    def __init__(self, quality: Quality, done: Container[int], device: torch.device) -> None:
        self._filters, self._most_attempts = quality.filters, quality.most_attempts
        self._done, self._device = done, device
        self._stream = None
        if self._filters and device.type == "cuda":
            self._stream = torch.cuda.Stream(device)
        for one in self._filters:
            one.begin()

    def __call__(self, drafts: Sequence[Draft], decoded: Decoded, labels: Tensor) -> Sorted:
        """Sort a batch that has been waited for."""
        faults = [FAULTS[fault] for fault in decoded.faults.tolist()]
        wanted = [row for row, draft in enumerate(drafts) if draft.spec.index not in self._done]
        last = [draft.attempt + 1 >= self._most_attempts for draft in drafts]
        pictures = [row for row in wanted if not faults[row]]
        reasons = dict(enumerate(faults)) | self._judge(pictures, last, decoded.images, drafts)
        rejected = [row for row in wanted if faults[row] or (reasons[row] and not last[row])]
        accepted = [row for row in wanted if row not in rejected]
        return Sorted(
            self._finished(accepted, drafts, decoded, labels, [reasons[row] for row in accepted]),
            again=[drafts[row].again(reasons[row]) for row in rejected if not last[row]],
            left_out=[drafts[row].again(reasons[row]) for row in rejected if last[row]],
        )

    def _judge(
        self,
        pictures: Sequence[int],
        last: Sequence[bool],
        images: Tensor,
        drafts: Sequence[Draft],
    ) -> dict[int, str]:
        """The rows that filters reject, with the reason; tells the filters what is handed over."""
        rejected: dict[int, str] = {}
        shown = list[list[int]]()
        stream = None if is_on_part() else self._stream
        with torch.inference_mode(), torch.cuda.stream(stream):
            for one in self._filters:
                rows = [row for row in pictures if row not in rejected]
                shown.append(rows)
                if rows:
                    at = to_device(torch.tensor(rows), self._device)
                    keep = one(images[at], [drafts[row].spec for row in rows]).keep.tolist()
                    rejected |= {
                        row: one.reason for row, good in zip(rows, keep, strict=True) if not good
                    }
            for one, rows in zip(self._filters, shown, strict=True):
                if rows:
                    kept = [row not in rejected or last[row] for row in rows]
                    one.handed_over(to_device(torch.tensor(kept), self._device))
        return rejected

    def _finished(
        self,
        rows: Sequence[int],
        drafts: Sequence[Draft],
        decoded: Decoded,
        labels: Tensor,
        kept_despite: Sequence[str],
    ) -> ImageBatch:
        """The images of `rows`; the batch's own tensors where these are all."""
        images, ready = decoded.images, decoded.ready
        if len(rows) < len(drafts):
            at = to_device(torch.tensor(rows, dtype=torch.int64), self._device)
            images, labels = images[at], labels[at]
            ready = ready and torch.cuda.current_stream(self._device).record_event()
        chosen = [drafts[row] for row in rows]
        return ImageBatch(
            specs=tuple(draft.spec for draft in chosen),
            images=images,
            labels=labels,
            ready=ready,
            rejections=tuple(draft.reasons for draft in chosen),
            kept_despite=tuple(kept_despite),
            seeds=tuple(draft.seed for draft in chosen),
        )
