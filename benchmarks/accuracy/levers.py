"""What each lever does to the speed of generation and to the accuracy of the trained classifier.

    python -m zeroreal.benchmarks.accuracy.levers --real FOLDER --result FILE \
        --table run/budget/levers.yaml

`FOLDER` holds Fashion-MNIST's IDX files. The phases, of which `--phases` names some:

    speed    images a second with every setting, in rounds; needs a quiet machine
    images   accuracy at equal images: 2,000
    time     accuracy at equal time: as many as are generated and trained on while the baseline's
             2,000 are, by the speeds measured
    curve    the baseline's accuracy at other numbers of images

All that is measured is kept under `--work`, and not measured again when the command is given again;
for new speeds, remove `speed.json` there.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ...base import resolve_device
from ...base.files import write_atomically
from ...train import TrainSettings
from ..harness import check_result_path, run_facts, write_result
from .lever_settings import BASELINE, LEVERS
from .lever_speed import measure_speed
from .lever_table import Results, lever_table
from .recipes import summarize
from .runs import Accuracy, AccuracyRuns

PHASES = ("speed", "images", "time", "curve")
IMAGES = 2_000
CURVE = (50, 100, 200, 500, 1_000, IMAGES, 4_000)
_ROUNDED_TO = 100  # images: speeds are not known better than to a few percent


def main() -> None:
    """Measure what the command line names and write the result file."""
    chosen = _arguments()
    check_result_path(chosen.result)
    speed = _speed(chosen.work / "speed.json", chosen)
    runs = AccuracyRuns(chosen.work, chosen.real, chosen.device)
    results: dict[str, dict[int, dict[int, Accuracy]]] = {}
    for seed in chosen.seeds:
        for name, images in dict.fromkeys(_wanted(seed, chosen, speed)):
            accuracy = runs.accuracy(name, LEVERS[name], seed, images)
            results.setdefault(name, {}).setdefault(images, {})[seed] = accuracy
            print(f"{name}, {images} images, seed {seed}: {100 * accuracy.test:.2f} %", flush=True)
    target = resolve_device(chosen.device)
    command = shlex.join(["python", "-m", "zeroreal.benchmarks.accuracy.levers", *sys.argv[1:]])
    facts = {**run_facts(target), "command": command}
    write_result(chosen.result, {**facts, **summary(results, speed)})
    if chosen.table is not None and speed is not None:
        write_atomically(chosen.table, lever_table(results, speed, IMAGES).encode())


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
                "images": {count: _both(by_seed) for count, by_seed in sorted(by_count.items())},
            }
            for name, by_count in results.items()
        },
    }


def _both(by_seed: Mapping[int, Accuracy]) -> dict[str, Any]:
    return {
        "test": summarize({seed: accuracy.test for seed, accuracy in by_seed.items()}),
        "held_out": summarize({seed: accuracy.held_out for seed, accuracy in by_seed.items()}),
    }


def _wanted(
    seed: int, chosen: argparse.Namespace, speed: Mapping[str, Any] | None
) -> Iterator[tuple[str, int]]:
    """Settings and numbers of images; the largest numbers of the curve with the first seed only."""
    if "images" in chosen.phases:
        yield from ((name, IMAGES) for name in chosen.settings)
    if "time" in chosen.phases and speed is not None:
        for name in chosen.settings:
            if name in speed["generation"]:
                yield name, equal_time_images(speed, name)
    if "curve" in chosen.phases:
        largest = max(CURVE) if seed == chosen.seeds[0] else IMAGES
        yield from ((BASELINE, images) for images in CURVE if images <= largest)


def _speed(path: Path, chosen: argparse.Namespace) -> dict[str, Any] | None:
    """The speeds in `path`, measured first where that is asked for; None if there are none."""
    if "speed" in chosen.phases and not path.exists():
        levers = {name: LEVERS[name] for name in chosen.settings}
        measured = measure_speed(levers, chosen.rounds, chosen.device, _say)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps(measured, indent=2).encode())
    content: dict[str, Any] | None = json.loads(path.read_text()) if path.exists() else None
    return content


def _say(line: str) -> None:
    print(line, flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--phases", nargs="+", choices=PHASES, default=list(PHASES))
    parser.add_argument("--settings", nargs="+", choices=LEVERS, default=list(LEVERS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--rounds", type=int, default=5, help="of speed")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--real", type=Path, required=True, help="folder of IDX files")
    parser.add_argument("--work", type=Path, default=Path("build/levers"))
    parser.add_argument("--result", type=Path, required=True)
    parser.add_argument("--table", type=Path, help="write what time budgets go by")
    return parser.parse_args()


if __name__ == "__main__":
    main()
