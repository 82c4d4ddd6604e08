"""TensorRT itself: which module serves it here, for which GPUs, and what it has to say.

`tensorrt` builds for the GPU that it runs on. `tensorrt_rtx`, which has the same interface, builds
for any GPU that it knows, also on a machine without one, and has no kernels for data centre GPUs
after Ampere.
"""

from __future__ import annotations

import functools
import importlib
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from ...base.errors import InputError, unknown

__all__ = [
    "gpu_target",
    "library_version",
    "listening",
    "set_target",
    "target_not_supported_reasons",
    "targets",
    "tensorrt_library",
    "tensorrt_log",
]

_log = logging.getLogger(__name__)

_LEVELS = {"WARNING": logging.INFO, "ERROR": logging.ERROR, "INTERNAL_ERROR": logging.ERROR}

Listener = Callable[[str, str], None]
"""Takes the severity, such as `ERROR`, and the text of a message."""

_listeners: list[Listener] = []


def tensorrt_library() -> Any:
    """The module `tensorrt`, or else `tensorrt_rtx`; `InputError` where neither can be loaded."""
    for name in ("tensorrt", "tensorrt_rtx"):
        try:
            return importlib.import_module(name)
        except (ImportError, OSError):  # OSError: installed, without the shared libraries
            continue
    raise InputError(
        "engine 'tensorrt' needs TensorRT, which is not installed: "
        "pip install 'zeroreal[tensorrt-rtx]' (or 'zeroreal[tensorrt]' for data centre GPUs)"
    )


def library_version() -> str:
    """Module and version: `tensorrt_rtx 1.7.1.116`."""
    library = tensorrt_library()
    return f"{library.__name__} {library.__version__}"


def targets() -> list[str]:
    """The GPUs that plans can be built for here: `sm_75`, `sm_80`, ..."""
    capabilities = getattr(tensorrt_library(), "ComputeCapability", None)
    if capabilities is not None:
        return [_target(name) for name in capabilities.__members__ if name.startswith("SM")]
    return [gpu_target(torch.device("cuda"))] if torch.cuda.is_available() else []


def gpu_target(device: torch.device) -> str:
    """The target that a CUDA device is: `sm_89`."""
    major, minor = torch.cuda.get_device_capability(device)
    return f"sm_{major}{minor}"


def target_not_supported_reasons(target: str) -> tuple[str, ...]:
    """Why the library cannot build for `target`, such as the GPU present, if it cannot."""
    if target in targets():
        return ()
    return (f"{library_version()} builds for {', '.join(targets()) or 'no GPU here'} only",)


def set_target(config: Any, target: str, refittable: bool) -> None:
    """Have the builder's `config` build for `target`.

    Raises `InputError` for one that the library cannot build for.
    """
    library = tensorrt_library()
    if target not in targets():
        if hasattr(library, "ComputeCapability"):
            raise unknown("target", target, targets())
        raise InputError(
            f"{library_version()} cannot build for {target!r}, only for the GPU of the machine "
            f"that it runs on ({', '.join(targets()) or 'here none'}): build there, or use "
            "tensorrt-rtx instead (pip install 'zeroreal[tensorrt-rtx]')"
        )
    if not hasattr(library, "ComputeCapability"):
        return
    # As in NVIDIA's apiUsage sample: what is to be refitted is compiled by the GPU's own driver.
    here = refittable and torch.cuda.is_available() and target == gpu_target(torch.device("cuda"))
    name = "CURRENT" if here else target.replace("_", "").upper()
    config.num_compute_capabilities = 1
    config.set_compute_capability(library.ComputeCapability.__members__[name], 0)


def _target(name: str) -> str:
    return name.lower().replace("sm", "sm_")


def tensorrt_log() -> Any:
    """The logger to give to TensorRT's objects: of the first one that it sees it uses no other."""
    return _log_of(tensorrt_library())


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Tell `listener`, too, all that TensorRT says meanwhile, in whatever thread.

    Its errors are then for the listener to raise; in Python's logging they are mere details.
    """
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


@functools.cache
def _log_of(library: Any) -> Any:
    class Log(library.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            library.ILogger.__init__(self)

        def log(self, severity: Any, message: str) -> None:
            level = logging.DEBUG if _listeners else _LEVELS.get(severity.name, logging.DEBUG)
            _log.log(level, "%s", message)
            for listener in tuple(_listeners):
                listener(severity.name, message)

    return Log()
