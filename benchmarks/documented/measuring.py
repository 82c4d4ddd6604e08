"""Measuring the whole documented set, part by part, without what is measured already."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ...base import InputError, describe_device, resolve_device, unknown
from .documents import RESULTS, check_clone, write_documents
from .parts import PARTS
from .working import Tell, Work, work_of, work_through


def measure_documented(
    clone: Path,
    *,
    real: Path | None = None,
    only: Sequence[str] = (),
    tell: Tell = lambda line: None,
) -> tuple[Path, ...]:
    """Measure what is not measured yet, write the documents, and give the paths of those written.

    Args:
        clone: the folder whose documents and results are written.
        real: the folder of Fashion-MNIST's IDX files; parts that need it are left out without.
        only: files of `PARTS`; all by default.
        tell: is given a line whenever a part begins or ends.

    Each part is a command of its own. Raises `KeyboardInterrupt` for Ctrl-C, after which the next
    call goes on with the part that was interrupted, and `InputError`, in the end, for parts that
    cannot be measured.
    """
    check_clone(clone)
    files = [part.file for part in PARTS]
    for file in only:
        if file not in files:
            raise unknown("result file", file, files)
    works = list[Work]()
    for part in PARTS:
        if only and part.file not in only:
            continue
        if part.needs_real and real is None:
            tell(f"{part.file}: left out, it needs real images: give their folder with --real")
            continue
        settings = part.build(real)
        device = describe_device(resolve_device(getattr(settings, "device", "cpu")))
        works.append(work_of(part, settings, clone / RESULTS / part.file, device))
    outcomes = work_through(works, tell)
    if any(outcome.state == "interrupted" for outcome in outcomes):
        raise KeyboardInterrupt
    written = write_documents(clone)
    failed = [outcome.work.name for outcome in outcomes if outcome.state == "failed"]
    if failed:
        raise InputError(f"{', '.join(failed)} could not be measured: see above, and give it again")
    return written
