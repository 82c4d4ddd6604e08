"""The timing cache: what `tensorrt` measured of kernels, kept from one build to the next.

`tensorrt_rtx` times nothing; there these calls do nothing and are deprecated.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...base.files import write_atomically
from ...base.limits import MEMBER_BYTES
from ...base.reading import read_bytes


def read_timings(config: Any, path: Path) -> Any:
    """Give `config` the timings in the file at `path`, none where it is not there or not usable.

    They have to be kept until the build is done, which extends them.
    """
    content = read_bytes(path, "timing cache", MEMBER_BYTES) if path.exists() else b""
    timings = config.create_timing_cache(content) or config.create_timing_cache(b"")
    config.set_timing_cache(timings, False)
    return timings


def write_timings(timings: Any, path: Path) -> None:
    """Write `timings` to the file at `path`, under a temporary name first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, memoryview(timings.serialize()))
