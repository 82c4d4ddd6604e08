"""A run that is cut short: saving what is there, and what is told of it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from ..base import InputError
from ..base.errors import system_sentence
from ..base.memory import is_out_of_memory
from .images import ImageFiles
from .parts import Parts

_log = logging.getLogger(__name__)


class RunInterruptedError(Exception):
    """A run was stopped by the user; what was generated is saved in `folder`."""

    def __init__(
        self, folder: Path, done: int, total: int, past: str = "generated and saved"
    ) -> None:
        super().__init__(f"interrupted with {done} of {total} images {past}")
        self.folder = folder


def attempt(what: str, work: Callable[[], None]) -> None:
    """Do `work`; where that fails, too, say so and let the first error be told."""
    try:
        work()
    except Exception as error:  # whatever a device, or a disk, that has failed says
        _log.warning("%s cannot be saved (%s)", what, _first_line(error))


def explained(
    error: BaseException, parts: Parts, folder: Path, images: ImageFiles | None
) -> BaseException:
    """What to raise in place of `error`: for what the user can mend, how to go on after it."""
    done = parts.feed.written if images is None else len(images.samples)
    if isinstance(error, KeyboardInterrupt):
        past = "read" if images is None else "generated and saved"
        return RunInterruptedError(folder, done, parts.planned, past)
    if isinstance(error, InputError):
        return error
    go_on = f"then go on with 'zeroreal run --resume {folder}'"
    if isinstance(error, OSError) and error.strerror:
        return InputError(f"{system_sentence(error)}, {go_on}")
    if is_out_of_memory(error):
        return InputError(f"memory ran out ({_first_line(error)}): free some, {go_on}")
    if images is not None:
        _log.warning("%d of %d images are saved in %s", done, parts.planned, folder)
    return error


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
