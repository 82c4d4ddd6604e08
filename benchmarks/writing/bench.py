"""Images a second that are encoded and written, by format, against what others write with.

    zeroreal bench writing --result FILE

Everybody writes the same images with the same encoder settings, and the same rows beside them, and
is done when the files are on the disk: ours sees to it, for the others one call after them does.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from torch import Tensor

from ...base import unknown
from ...data.encode import ImageEncoder, pillow_settings
from ...data.shard_files import sync_all
from ...data.shard_writer import new_shard
from ...generate.dataset.writing.open_shard import SCHEMA
from ...report.results.result import Figures
from ..harness import SILENT, Contender, Progress, check_counts
from ..harness.rates import RateCase, measure_rates
from .cases import CASES, CLASSES, WritingCase, images_of, rows_of
from .peers import PEERS, Write
from .settings import WritingSettings

_BATCH = 64  # images that a generator hands over at a time


def measure_writing(settings: WritingSettings, progress: Progress = SILENT) -> Figures:
    """Measure; what there is is kept after every case.

    Ctrl-C ends the case in hand with the rounds that it has, and the measurement. Raises
    `InputError` for settings that cannot be used.
    """
    for name in settings.cases:
        if name not in CASES:
            raise unknown("writing case", name, CASES)
    check_counts({"images": settings.images, "rounds": settings.rounds})
    with tempfile.TemporaryDirectory(dir=settings.work) as folder, ExitStack() as stack:
        cases = _cases(settings, Path(folder), stack)
        return measure_rates(cases, settings.rounds, {}, progress)


def _cases(settings: WritingSettings, folder: Path, stack: ExitStack) -> Iterator[RateCase]:
    for name in settings.cases or CASES:
        yield _case(name, CASES[name], images_of(CASES[name].size, settings.images), folder, stack)


def _case(name: str, case: WritingCase, images: Tensor, folder: Path, stack: ExitStack) -> RateCase:
    rows, arrays = rows_of(len(images)), images.numpy()
    facts: dict[str, Any] = {"side": case.size}
    save: Mapping[str, Any] = {}
    encoders: dict[str, ImageEncoder | None] = {"ours": None}
    if case.image_format is not None:
        one = stack.enter_context(ImageEncoder(case.image_format, threads=1))
        every = stack.enter_context(ImageEncoder(case.image_format))
        encoders = {"ours, 1 thread": one} if every.threads > 1 else {}
        encoders["ours"] = every
        save = pillow_settings(case.image_format, one.quality)
        facts |= {"encoder": one.name, "encoder_settings": save}
    title, write = PEERS[case.shard_format]
    theirs = partial(_theirs, write, arrays, rows, save)
    works: dict[str, Callable[[Path], None]] = {title: theirs}
    works |= {
        ours: partial(_ours, case, encoder, images, arrays, rows)
        for ours, encoder in encoders.items()
    }
    for work in works.values():
        _timed(work, folder)  # warms up
    contenders = [Contender(who, partial(_timed, work, folder)) for who, work in works.items()]
    return RateCase(name, len(images), contenders, facts)


def _theirs(
    write: Write,
    images: NDArray[Any],
    rows: Sequence[Mapping[str, Any]],
    save: Mapping[str, Any],
    folder: Path,
) -> None:
    write(folder, images, rows, save)
    sync_all(folder, list(folder.rglob("*")))


def _ours(
    case: WritingCase,
    encoder: ImageEncoder | None,
    images: Tensor,
    arrays: NDArray[Any],
    rows: Sequence[Mapping[str, Any]],
    folder: Path,
) -> None:
    """Encode and write batch by batch, as images come from a generator."""
    shard = new_shard(
        case.shard_format,
        folder,
        "00000",
        CLASSES,
        SCHEMA,
        count=len(rows),
        image_size=case.size,
        image_format=case.image_format or "",
    )
    for begin in range(0, len(rows), _BATCH):
        part = slice(begin, begin + _BATCH)
        batch = arrays[part] if encoder is None else encoder.encode(images[part])
        for image, row in zip(batch, rows[part], strict=True):
            shard.write(image, row)
    shard.close()


def _timed(work: Callable[[Path], None], folder: Path) -> float:
    """Seconds of writing into a new folder, which is removed afterwards."""
    into = Path(tempfile.mkdtemp(dir=folder))
    try:
        began = time.perf_counter()
        work(into)
        return time.perf_counter() - began
    finally:
        shutil.rmtree(into)
