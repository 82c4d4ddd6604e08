"""From class names to accuracy: ours, the usual way, and the usual way with our recipe.

Every run is a process of its own, from its start to the trained classifier, one at a time; seeds
take turns. What is found once and remembered (tuning; the peers' batch, memory format and workers)
is measured before and told apart. The test on real images is not in the seconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...generate import load_recipe
from ...report.results.result import Figures
from ..harness import SILENT, ContenderError, Progress, reason_of
from .contenders import Contender, parse_contender
from .rows import rows_of
from .run_figures import RunFigures
from .runs import Runs
from .settings import E2eSettings

LEAST_SEEDS = 3


def measure_e2e(settings: E2eSettings, progress: Progress = SILENT) -> Figures:
    """Measure what is not kept yet; what there is is kept after each run.

    Ctrl-C ends the measurement with the runs that are finished. Raises `InputError` for settings
    that cannot be used.
    """
    contenders = [parse_contender(text) for text in settings.contenders]
    for contender in contenders:
        load_recipe(contender.settings.recipe)
    runs = Runs(settings.work, settings.device)
    done: dict[str, dict[tuple[int, int], RunFigures]] = {one.name: {} for one in contenders}
    failed: dict[str, str] = {}
    settled: dict[str, Any] = {}

    def so_far(finished: bool) -> Figures:
        return Figures(
            rows_of(done, settings.images, settings.levels, failed),
            {"settled": settled, "classes": "the embedded model's", "test": "shipped, real"},
            _doubts(done, settings.seeds),
            finished,
        )

    try:
        for contender, images, seed in _turns(contenders, settings):
            if contender.name in failed:
                continue
            try:
                settled[contender.name] = runs.settled(contender)
                found = runs.figures(contender, images, seed)
            except ContenderError as error:
                failed[contender.name] = reason_of(error)
                progress.tell(f"{contender.name} failed: {failed[contender.name]}")
                continue
            done[contender.name][images, seed] = found
            progress.tell(
                f"{contender.name}, {images} images, seed {seed}: {found.seconds:.1f} s, "
                f"{found.accuracy:.1%}"
            )
            progress.keep(so_far(finished=False))
    except KeyboardInterrupt:
        return so_far(finished=False)
    return so_far(finished=True)


def _turns(
    contenders: Sequence[Contender], settings: E2eSettings
) -> list[tuple[Contender, int, int]]:
    """All runs in order: seed after seed, each begun by another contender."""
    turns = []
    for number, seed in enumerate(settings.seeds):
        first = number % len(contenders)
        for images in sorted(settings.images):
            order = (*contenders[first:], *contenders[:first])
            turns += [(contender, images, seed) for contender in order]
    return turns


def _doubts(
    done: Mapping[str, Mapping[tuple[int, int], RunFigures]], seeds: Sequence[int]
) -> tuple[str, ...]:
    """Why the figures are not to be trusted."""
    found = [
        f"{name}, {images} images, seed {seed}: {reason}"
        for name, own in done.items()
        for (images, seed), run in own.items()
        for reason in run.reasons
    ]
    if len(seeds) < LEAST_SEEDS:
        found.append(f"seeds are {len(seeds)}, {LEAST_SEEDS} tell more")
    return tuple(found)
