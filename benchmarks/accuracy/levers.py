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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...base import InputError, resolve_device, unknown
from ...base.files import write_atomically
from ...train import TrainSettings
from ..harness import Tell, check_counts, check_result_path, run_facts, silent, write_result
from .kept import keep_figures, kept_figures, kept_path
from .lever_settings import BASELINE, LEVERS
from .lever_speed import measure_speed, speed_key
from .lever_table import Results, lever_table
from .runs import Accuracy, AccuracyRuns
from .summary import summarize_both

PHASES = ("speed", "images", "time", "curve")
IMAGES = 2_000
CURVE = (50, 100, 200, 500, 1_000, IMAGES, 4_000)
_ROUNDED_TO = 100  # images: speeds are not known better than to a few percent


@dataclass(frozen=True)
class LeversSettings:
    """Which levers are measured, and how."""

    real: Path
    """The folder of Fashion-MNIST's IDX files."""
    phases: tuple[str, ...] = PHASES
    """Some of `PHASES`."""
    settings: tuple[str, ...] = tuple(LEVERS)
    """Names of `LEVERS`."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Each makes its own images and its own training."""
    rounds: int = 5
    """How often the settings take their turn when speeds are measured."""
    device: str = "auto"
    """`auto`, `cpu`, `cuda` or `cuda:N`."""
    work: Path = Path("build/levers")
    """Where everything that is measured is kept."""
    result: Path | None = None
    """The file to write."""
    table: Path | None = None
    """The file for the table that time budgets go by; by default none is written."""


def bench_levers(settings: LeversSettings, tell: Tell = silent) -> dict[str, Any]:
    """Measure what is not kept, and give the result, which is written as well.

    Raises `InputError` for settings that cannot be used.
    """
    _check(settings)
    speed = _speed(settings, tell)
    runs = AccuracyRuns(settings.work, settings.real, settings.device)
    results: dict[str, dict[int, dict[int, Accuracy]]] = {}
    for seed in settings.seeds:
        for name, images in dict.fromkeys(_wanted(seed, settings, speed)):
            accuracy = runs.accuracy(name, LEVERS[name], seed, images)
            results.setdefault(name, {}).setdefault(images, {})[seed] = accuracy
            tell(f"{name}, {images} images, seed {seed}: {100 * accuracy.test:.2f} %")
    result = {**run_facts(resolve_device(settings.device)), **summary(results, speed)}
    if settings.result is not None:
        write_result(settings.result, result)
    if settings.table is not None and speed is not None:
        write_atomically(settings.table, lever_table(results, speed, IMAGES).encode())
    return result


def equal_time_images(speed: Mapping[str, Any], name: str) -> int:
    """Images of setting `name`, in hundreds, that take as long as the baseline's `IMAGES`.

    Generation and training are counted.
    """
    training: float = TrainSettings.epochs / speed["training"]["images_per_second"]["median"]

    def seconds(setting: str) -> float:
        rate: float = speed["generation"][setting]["images_per_second"]["median"]
        return 1 / rate + training

    return round(IMAGES * seconds(BASELINE) / seconds(name) / _ROUNDED_TO) * _ROUNDED_TO


def summary(results: Results, speed: Mapping[str, Any] | None) -> dict[str, Any]:
    """The result file's figures: by setting, then by number of images."""
    return {
        "epochs": TrainSettings.epochs,
        "speed": speed,
        "settings": {
            name: {
                "change": LEVERS[name],
                "equal_time_images": speed and equal_time_images(speed, name),
                "images": {
                    count: summarize_both(by_seed) for count, by_seed in sorted(by_count.items())
                },
            }
            for name, by_count in results.items()
        },
    }


def _check(settings: LeversSettings) -> None:
    for phase in settings.phases:
        if phase not in PHASES:
            raise unknown("phase", phase, PHASES)
    for name in settings.settings:
        if name not in LEVERS:
            raise unknown("setting", name, LEVERS)
    check_counts({"rounds": settings.rounds})
    has_baseline = "images" in settings.phases and BASELINE in settings.settings
    if settings.table is not None and not has_baseline and "curve" not in settings.phases:
        raise InputError(
            f"the table compares to {BASELINE!r} at equal images, which would not be measured: add "
            f"the phase 'images' and the setting {BASELINE!r}, or the phase 'curve'"
        )
    resolve_device(settings.device)
    for path in (settings.result, settings.table):
        if path is not None:
            check_result_path(path)


def _wanted(
    seed: int, settings: LeversSettings, speed: Mapping[str, Any] | None
) -> Iterator[tuple[str, int]]:
    """Settings and numbers of images; the largest numbers of the curve with the first seed only."""
    if "images" in settings.phases:
        yield from ((name, IMAGES) for name in settings.settings)
    if "time" in settings.phases and speed is not None:
        for name in settings.settings:
            if name in speed["generation"]:
                yield name, equal_time_images(speed, name)
    if "curve" in settings.phases:
        largest = max(CURVE) if seed == settings.seeds[0] else IMAGES
        yield from ((BASELINE, images) for images in CURVE if images <= largest)


def _speed(settings: LeversSettings, tell: Tell) -> dict[str, Any] | None:
    """The speeds that are kept, measured first where that is asked for; None if there are none."""
    levers = {name: LEVERS[name] for name in dict.fromkeys((BASELINE, *settings.settings))}
    key = speed_key(levers, settings.rounds, settings.device)
    speed: dict[str, Any] | None
    if "speed" in settings.phases:
        speed = keep_figures(
            settings.work,
            "speed",
            key,
            lambda: measure_speed(levers, settings.rounds, settings.device, tell),
        )
    else:
        speed = kept_figures(kept_path(settings.work, "speed", key))
    if speed is None and ("time" in settings.phases or settings.table is not None):
        raise InputError(
            f"no speeds of these settings are kept in {str(settings.work)!r}, and phase 'time' and "
            "the table need them: add the phase 'speed'"
        )
    return speed
