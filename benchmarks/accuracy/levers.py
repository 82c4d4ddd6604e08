"""What each lever does to the speed of generation and to the accuracy of the trained classifier.

    zeroreal bench levers --real FOLDER --result FILE --table run/budget/levers.yaml

`FOLDER` holds Fashion-MNIST's IDX files. The phases, of which `--phases` names some:

    speed    images a second with every setting, in rounds; needs a quiet machine
    images   accuracy at equal images: 2,000
    time     accuracy at equal time: as many as are generated and trained on while the baseline's
             2,000 are, by the speeds measured
    curve    the baseline's accuracy at other numbers of images

All that is measured is kept under `--work`, and not measured again when the command is given again
with the same settings; for new speeds, remove `speed-*.json` there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ...base import InputError, unknown
from ...base.files import write_atomically
from ...report.results.result import Figures
from ...report.results.writing import check_can_write
from ..harness import SILENT, Progress, check_counts
from .kept import keep_figures, kept_figures, kept_path
from .lever_figures import CURVE, IMAGES, chosen, equal_time_images, lever_figures
from .lever_settings import BASELINE, LEVERS, SIMULATED
from .lever_speed import measure_speed, speed_key
from .lever_table import lever_table
from .runs import Accuracy, AccuracyRuns
from .settings import PHASES, LeversSettings


def measure_levers(settings: LeversSettings, progress: Progress = SILENT) -> Figures:
    """Measure what is not kept, and write the table if it is asked for.

    What there is is kept after each training. Ctrl-C ends the measurement with the trainings that
    are finished, and without a table. Raises `InputError` for settings that cannot be used.
    """
    _check(settings)
    results: dict[str, dict[int, dict[int, Accuracy]]] = {}
    differences: dict[str, dict[int, float]] = {}
    speed: dict[str, Any] | None = None

    def so_far(finished: bool) -> Figures:
        return lever_figures(settings, results, differences, speed, finished)

    try:
        speed = _speed(settings, progress)
        runs = AccuracyRuns(settings.work, settings.real, settings.device)
        for seed in settings.seeds:
            for name, images in dict.fromkeys(_wanted(seed, settings, speed)):
                accuracy = runs.accuracy(name, LEVERS[name], seed, images)
                results.setdefault(name, {}).setdefault(images, {})[seed] = accuracy
                if name in SIMULATED:
                    differences.setdefault(name, {})[seed] = _difference(runs, name, seed, images)
                progress.tell(f"{name}, {images} images, seed {seed}: {100 * accuracy.test:.2f} %")
                progress.keep(so_far(finished=False))
    except KeyboardInterrupt:
        return so_far(finished=False)
    if settings.table is not None and speed is not None:
        write_atomically(settings.table, lever_table(results, speed, IMAGES).encode())
    return so_far(finished=True)


def _check(settings: LeversSettings) -> None:
    for phase in settings.phases:
        if phase not in PHASES:
            raise unknown("phase", phase, PHASES)
    for name in settings.settings:
        if name not in LEVERS:
            raise unknown("setting", name, LEVERS)
    check_counts({"rounds": settings.rounds})
    has_baseline = "images" in settings.phases and BASELINE in chosen(settings)
    if settings.table is not None and not has_baseline and "curve" not in settings.phases:
        raise InputError(
            f"the table compares to {BASELINE!r} at equal images, which would not be measured: add "
            f"the phase 'images' and the setting {BASELINE!r}, or the phase 'curve'"
        )
    if settings.table is not None and settings.real is None:
        raise InputError(
            f"table {str(settings.table)!r} is of choices, which are made on held-out images: give "
            "Fashion-MNIST's files with --real"
        )
    if settings.table is not None:
        check_can_write(settings.table, "table")


def _wanted(
    seed: int, settings: LeversSettings, speed: Mapping[str, Any] | None
) -> Iterator[tuple[str, int]]:
    """Settings and numbers of images; the largest numbers of the curve with the first seed only."""
    if "images" in settings.phases:
        yield from ((name, IMAGES) for name in chosen(settings))
    if "time" in settings.phases and speed is not None:
        for name in chosen(settings):
            if name in speed["generation"]:
                yield name, equal_time_images(speed, name)
    if "curve" in settings.phases:
        largest = max(CURVE) if seed == settings.seeds[0] else IMAGES
        yield from ((BASELINE, images) for images in CURVE if images <= largest)


def _difference(runs: AccuracyRuns, name: str, seed: int, images: int) -> float:
    """Mean difference of a lever's images from those it is compared to, in levels of 255."""
    one, other = (
        runs.images(lever, LEVERS[lever], seed, images)[0].float()
        for lever in (name, SIMULATED[name])
    )
    return float((one - other).abs().mean())


def _speed(settings: LeversSettings, progress: Progress) -> dict[str, Any] | None:
    """The speeds that are kept, measured first where that is asked for; None if there are none."""
    names = dict.fromkeys((BASELINE, *chosen(settings)))
    levers = {name: LEVERS[name] for name in names if name not in SIMULATED}
    key = speed_key(levers, settings.rounds, settings.device)
    speed: dict[str, Any] | None
    if "speed" in settings.phases:
        speed = keep_figures(
            settings.work,
            "speed",
            key,
            lambda: measure_speed(levers, settings.rounds, settings.device, progress),
        )
    else:
        speed = kept_figures(kept_path(settings.work, "speed", key))
    if speed is None and ("time" in settings.phases or settings.table is not None):
        raise InputError(
            f"no speeds of these settings are kept in {str(settings.work)!r}, and phase 'time' and "
            "the table need them: add the phase 'speed'"
        )
    return speed
