"""Working through the parts that take a GPU: those that are done are left out, others follow.

from zeroreal.benchmarks.gpu.work import work_through_gpu
outcomes = work_through_gpu(GpuSettings(budget=8))
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ...base.errors import InputError, unknown
from ...report.results.sources import SOURCES
from ..documented.part import Part
from ..documented.working import Limits, Outcome, Tell, Work, work_of, work_through
from . import gpu_tests
from .parts import PARTS
from .settings import GpuSettings

_ASK = "import torch; print(torch.cuda.get_device_name() if torch.cuda.is_available() else '')"


def work_through_gpu(settings: GpuSettings, tell: Tell = lambda line: None) -> tuple[Outcome, ...]:
    """Run what is asked for and not done, the tests first; what became of each, in order.

    Args:
        settings: which, where to, and how long.
        tell: is given a line whenever a part begins or ends.

    Ctrl-C ends the part in hand, whose state is `interrupted`, and starts no other. Raises
    `InputError` for unknown parts, a folder that cannot be written, and where there is no GPU.
    """
    chosen, out = _chosen(settings.parts), _folder(settings.out)
    works = gpu_works(out, gpu_name())
    return work_through(
        [works[name] for name in chosen],
        tell,
        limits=Limits(settings.minutes, settings.budget),
        again=settings.again,
        folder=SOURCES,
    )


def gpu_works(out: Path, gpu: str, parts: Mapping[str, Part] = PARTS) -> dict[str, Work]:
    """All that takes a GPU, by name; the GPU's stands in the names of the results' files."""
    word = gpu.replace(" ", "-").replace("/", "-").lower()
    works = {gpu_tests.NAME: gpu_tests.gpu_tests(out / f"gpu-tests-{word}.txt")}
    for name, part in parts.items():
        path = out / f"{part.file.removesuffix('.json')}-{word}.json"
        works[name] = replace(work_of(part, part.build(), path, gpu), name=name)
    return works


def gpu_name() -> str:
    """The GPU's name; `InputError` where there is none.

    Another process asks: what CUDA takes in this one would be missing from the parts' memory.
    """
    asked = subprocess.run([sys.executable, "-c", _ASK], capture_output=True, text=True)
    if asked.returncode:
        said = asked.stderr.strip().splitlines() or ["no reason given"]
        raise InputError(f"PyTorch does not start here ({said[-1]}): install it for CUDA")
    if not (name := asked.stdout.strip()):
        raise InputError(
            "there is no CUDA device here: run this on a machine with an NVIDIA GPU and a PyTorch "
            "for CUDA"
        )
    return name


def _chosen(names: Sequence[str]) -> list[str]:
    known = [gpu_tests.NAME, *PARTS]
    for name in names:
        if name not in known:
            raise unknown("part", name, known)
    return [name for name in known if not names or name in names]


def _folder(out: Path | None) -> Path:
    """The folder for results, made where it is not there."""
    folder = out or Path(os.environ.get("OUT") or SOURCES / "benchmarks" / "results")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"folder {str(folder)!r} for results cannot be made ({error.strerror}): name another "
            "with --out"
        ) from None
    return folder.resolve()
