"""Finds and loads the native libraries that CMake built, with ctypes.

A wheel holds them beside this file. An editable install keeps this file in the source tree and the
libraries in site-packages: the package's `__path__` then names both folders.
"""

from __future__ import annotations

import ctypes
import functools
import sys
from dataclasses import dataclass
from pathlib import Path

__all__ = ["LibraryStatus", "native_library", "native_library_status"]

_NAMES = {"cpu": "zeroreal_kernels", "cuda": "zeroreal_kernels_cuda"}
_REMEDIES = {
    "cpu": "install again with a C++17 compiler at hand",
    "cuda": "install again with nvcc at hand",
}


@dataclass(frozen=True)
class LibraryStatus:
    """Whether one native library is in use: `path` where it is, `reason` where it is not."""

    name: str
    path: Path | None
    reason: str | None

    @property
    def loaded(self) -> bool:
        """Whether its functions can be called."""
        return self.path is not None


def native_library(device: str) -> ctypes.CDLL | None:
    """The native library for "cpu" or "cuda", loaded at the first call, or None where it cannot be.

    Calls into it release the GIL.
    """
    return _load(device)[0]


def native_library_status() -> dict[str, LibraryStatus]:
    """The state of each native library, by the device it serves: "cpu" and "cuda".

    What a missing library would compute, the PyTorch references compute instead. The CUDA library
    loads on machines without a GPU too.
    """
    return {device: _load(device)[1] for device in _NAMES}


@functools.cache
def _load(device: str) -> tuple[ctypes.CDLL | None, LibraryStatus]:
    name = _NAMES[device]
    file_name = _file_name(name)
    folders = _package_folders()
    path = next((f / file_name for f in folders if (f / file_name).is_file()), None)
    if path is None:
        looked = " or ".join(str(folder) for folder in folders)
        reason = f"{file_name} was not built: it is not in {looked}; {_REMEDIES[device]}"
        return None, LibraryStatus(name, None, reason)
    try:
        return ctypes.CDLL(str(path)), LibraryStatus(name, path, None)
    except OSError as error:
        return None, LibraryStatus(name, None, f"{path} does not load: {error}")


def _package_folders() -> list[Path]:
    package = sys.modules[__name__.rpartition(".")[0]]
    return [Path(folder) for folder in package.__path__]


def _file_name(name: str) -> str:
    """What CMake calls a MODULE library here: `.so` on macOS too."""
    return f"{name}.dll" if sys.platform == "win32" else f"lib{name}.so"
