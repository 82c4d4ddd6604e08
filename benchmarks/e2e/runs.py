"""Runs of contenders, each in a process of its own, kept so that a benchmark goes on."""

from __future__ import annotations

import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from ...base import describe_environment, resolve_device
from ...base.settings import plain
from ...report.results.conditions import Conditions
from ...report.results.sources import code_digest
from ...run.settings import RunSettings
from ..accuracy.kept import keep_figures
from .contenders import Contender
from .ours import run_ours, settle_ours
from .peers import run_peer, settle_peer
from .run_figures import RunFigures
from .settings import CLASSES

_OURS = (
    *("base", "kernels", "assets", "engine", "data", "report"),
    *("export", "encoders", "generate", "train", "run", "cli/run.py"),
)
_PEERS = ("benchmarks/e2e/usual_way.py", "train/classifier/create.py")


class Runs:
    """Runs contenders, or finds what they came to before.

    Figures are kept under a digest of all that decides them, the code among it: our own for ours,
    the peers' script for peers, which then need not run again.

    Args:
        work: where they are kept.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
    """

    def __init__(self, work: Path, device: str) -> None:
        self._work, self._device = work, resolve_device(device)
        self._environment = dict(describe_environment(self._device))

    def figures(self, contender: Contender, images: int, seed: int) -> RunFigures:
        """What the contender comes to; raises `ContenderError` if it fails."""
        settled = self.settled(contender)
        key = {**self._key(contender), "images": images, "seed": seed}
        name = f"{contender.name}-{images}-{seed}"

        def measure() -> dict[str, Any]:
            conditions = Conditions(self._device)
            found = self._run(contender, settled, self._new_folder(), images // CLASSES, seed)
            return asdict(replace(found, reasons=tuple(conditions.reasons())))

        found = keep_figures(self._work / "runs", name, key, measure)
        return RunFigures(**{**found, "reasons": tuple(found["reasons"])})

    def settled(self, contender: Contender) -> dict[str, Any]:
        """What the contender was found to be fastest with, and the seconds that this took."""

        def measure() -> dict[str, Any]:
            settings, folder = contender.settings, self._new_folder()
            if isinstance(settings, RunSettings):
                return settle_ours(self._on_device(settings), folder, self._cache)
            return settle_peer(settings, folder, str(self._device))

        found: dict[str, Any] = keep_figures(
            self._work / "settled", contender.name, self._key(contender), measure
        )
        return found

    @property
    def _cache(self) -> Path:
        """Where ours remembers tunings and exports."""
        return self._work / "cache"

    def _run(
        self,
        contender: Contender,
        settled: dict[str, Any],
        folder: Path,
        images_per_class: int,
        seed: int,
    ) -> RunFigures:
        settings = contender.settings
        if isinstance(settings, RunSettings):
            one = replace(settings, images_per_class=images_per_class, seed=seed)
            return run_ours(self._on_device(one), folder, self._cache)
        return run_peer(settings, settled, folder, str(self._device), images_per_class, seed)

    def _on_device(self, settings: RunSettings) -> RunSettings:
        return replace(settings, device=str(self._device))

    def _new_folder(self) -> Path:
        """The path of a run's files, which only the next run removes."""
        folder = self._work / "last-run"
        shutil.rmtree(folder, ignore_errors=True)
        return folder

    def _key(self, contender: Contender) -> dict[str, Any]:
        is_ours = isinstance(contender.settings, RunSettings)
        return {
            "ours": is_ours,
            "settings": plain(contender.settings),
            "device": str(self._device),
            "environment": self._environment,
            "code": code_digest(*(_OURS if is_ours else _PEERS)),
        }
