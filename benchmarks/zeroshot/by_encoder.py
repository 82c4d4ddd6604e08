"""Contenders among encoders: our `DualEncoder` on an engine, or `transformers` as it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from torch import Tensor

from ...assets.embedded import EMBEDDED_CLASSES
from ...base import resolve_device
from ...base.articles import with_articles
from ...encoders import DualEncoder, ZeroShotClassifier, find_encoder, load_encoder
from ...encoders.settings import TEMPLATES
from ...engine import Cache
from ...generate import parse_classes
from ..generation.contender import OURS
from ..harness import calibrated, timed
from .answers import Answers, accuracy
from .images import shipped_images
from .names import ZeroshotName
from .transformers_encoder import TransformersEncoder

_ROUND_SECONDS = 0.5
_PROBE_SECONDS = 0.2
_CLASSES = [one.prompt for one in parse_classes(EMBEDDED_CLASSES)]
_TEXTS = [with_articles(TEMPLATES[0], {"class": one}) for one in _CLASSES]


@dataclass(frozen=True)
class EncoderJob:
    """What every contender classifies."""

    encoder: str
    side: int
    """Of images in pixels."""
    images: int
    device: str
    cache: Path


class EncoderWorker:
    """A contender in its process."""

    def __init__(self, job: EncoderJob, name: ZeroshotName) -> None:
        self._device = resolve_device(job.device)
        images, self._labels = shipped_images(job.images, job.side)
        self._images = images.to(self._device)
        self._repeats = 1
        self._encoder: DualEncoder | TransformersEncoder
        self._classify: Callable[[Tensor], Tensor]
        if name.program == OURS:
            self._encoder = load_encoder(job.encoder, self._device, name.engine, Cache(job.cache))
            self._classify = ZeroShotClassifier(self._encoder, _CLASSES).logits
        else:
            self._encoder = TransformersEncoder(find_encoder(job.encoder), self._device, _TEXTS)
            self._classify = self._encoder.logits

    def rate(self, batch_size: int) -> float:
        """Images a second in batches of `batch_size`."""
        self._encoder.batch_size = batch_size
        images = self._images[:batch_size]
        work = partial(self._classify, images)
        repeats = calibrated(work, self._device, _PROBE_SECONDS)
        return len(images) / timed(work, self._device, repeats)

    def start(self, batch_size: int | None) -> Answers:
        """Classify all images, in batches of its own choice where none is given; warms up."""
        if batch_size is not None:
            self._encoder.batch_size = batch_size
        work = partial(self._classify, self._images)
        labels = work().argmax(1).tolist()
        self._repeats = calibrated(work, self._device, _ROUND_SECONDS)
        right = accuracy(labels, self._labels)
        return Answers(tuple(labels), right, self._encoder.batch_size)

    def seconds(self) -> float:
        """Seconds of classifying all images once."""
        return timed(partial(self._classify, self._images), self._device, self._repeats)
