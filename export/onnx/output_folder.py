"""The folder that an export goes to: it appears once everything in it is whole."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ...base.errors import InputError

if TYPE_CHECKING:
    pass


def check_unused(out: Path) -> None:
    """Raise `InputError` unless `out` is a new or empty folder."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"output folder {str(out)!r} is not a new or empty folder: choose another")


@contextmanager
def appearing(out: Path) -> Iterator[Path]:
    """A temporary folder beside `out` that takes its name in the end, or goes."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        partial = out.with_name(f".{out.name}-{secrets.token_hex(4)}")
        partial.mkdir()  # by the umask, which mkdtemp does not ask
    except OSError as error:
        raise InputError(
            f"output folder {str(out)!r} cannot be made ({error.strerror}): choose another"
        ) from None
    try:
        yield partial
        os.replace(partial, out)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        free = shutil.disk_usage(out.parent).free / 1e9
        raise InputError(
            f"no space is left to export into {str(out)!r} ({free:.1f} GB free; the model's "
            "weights and a little more are needed): free some or choose another folder"
        ) from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
