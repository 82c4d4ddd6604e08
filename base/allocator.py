"""The C library's allocator, told to keep what is freed."""

from __future__ import annotations

import ctypes
import sys

__all__ = ["keep_freed_memory"]

# Of glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4


def keep_freed_memory() -> None:
    """Have large blocks of memory reused in place of mapped anew each time, in the whole process.

    PyTorch takes every tensor on the CPU from `malloc`. glibc maps blocks from 32 MiB on and gives
    them back when they are freed, and the next one costs a page fault for every 4 KiB. Where the C
    library is another, nothing is done.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_MAX, 0)
        mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
