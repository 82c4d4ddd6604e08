"""What each trick against the gap between synthetic and real images does to the accuracy.

    python -m zeroreal.benchmarks.accuracy.tricks --real FOLDER --result FILE

`FOLDER` holds Fashion-MNIST's IDX files. Each setting trains on the same 2,000 images of the
embedded model, over several seeds; what is measured is kept under `--work` and not measured again.
The unlabelled real images for BatchNorm are the first of the training split.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from ...base import resolve_device
from ...base.files import write_atomically
from ...data.fashion_mnist import as_rgb, load_fashion_mnist
from ...train import DegradeRanges, Trainer, TrainSettings, train_settings
from ...train.classifier.batch_norm import re_estimate
from ...train.classifier.evaluate import normalize
from ...train.settings import augmentation
from ..harness import check_result_path, run_facts, write_result
from .recipes import summarize
from .runs import Accuracy, AccuracyRuns

IMAGES = 2_000
BATCH_NORM = "re-estimated BatchNorm"
_REAL = 2_000  # unlabelled images for it

_DEFAULT = TrainSettings()
TRICKS: Mapping[str, TrainSettings] = {
    "none": _DEFAULT,
    "resolution 24": replace(_DEFAULT, degrade=DegradeRanges(resolution=24)),
    "blur 1": replace(_DEFAULT, degrade=DegradeRanges(blur=1.0)),
    "noise 0.1": replace(_DEFAULT, degrade=DegradeRanges(noise=0.1)),
    "jpeg 50": replace(_DEFAULT, degrade=DegradeRanges(jpeg=50)),
    "strong augmentation": replace(_DEFAULT, augment=augmentation("strong")),
    "mixup 0.2": replace(_DEFAULT, mixup=0.2),
    "cutmix 1": replace(_DEFAULT, cutmix=1.0),
    BATCH_NORM: _DEFAULT,
    "preset fast": train_settings("fast"),
    "preset method": train_settings("method"),
}


def main() -> None:
    """Measure and write the result file."""
    chosen = _arguments()
    check_result_path(chosen.result)
    runs = AccuracyRuns(chosen.images, chosen.real, chosen.device)
    unlabelled = as_rgb(load_fashion_mnist(chosen.real, "train")[0][:_REAL], 32)
    rows: dict[str, dict[int, Accuracy]] = {}
    for seed in chosen.seeds:
        for name in chosen.tricks:
            path = chosen.work / f"{name.replace(' ', '-')}-{seed}.json"
            if not path.exists():
                images, labels = runs.images("baseline", {}, seed, IMAGES)
                trainer = runs.trained(images, labels, seed, TRICKS[name])
                if name == BATCH_NORM:
                    _adapt(trainer, unlabelled)
                path.parent.mkdir(parents=True, exist_ok=True)
                write_atomically(path, json.dumps(asdict(runs.tested(trainer))).encode())
            rows.setdefault(name, {})[seed] = Accuracy(**json.loads(path.read_text()))
            print(f"{name}, seed {seed}: {100 * rows[name][seed].test:.2f} %", flush=True)
    command = shlex.join(["python", "-m", "zeroreal.benchmarks.accuracy.tricks", *sys.argv[1:]])
    facts = {**run_facts(resolve_device(chosen.device)), "command": command, "images": IMAGES}
    write_result(chosen.result, {**facts, "tricks": {n: _row(n, r) for n, r in rows.items()}})


def _adapt(trainer: Trainer, unlabelled: Tensor) -> None:
    size = trainer.settings.batch_size
    whole = unlabelled[: len(unlabelled) // size * size].to(trainer.device)
    re_estimate(trainer.model, (normalize(part) for part in whole.split(size)))


def _row(name: str, by_seed: Mapping[int, Accuracy]) -> dict[str, Any]:
    return {
        "settings": asdict(TRICKS[name]),
        "uses_real_images": name == BATCH_NORM,
        "test": summarize({seed: accuracy.test for seed, accuracy in by_seed.items()}),
        "held_out": summarize({seed: accuracy.held_out for seed, accuracy in by_seed.items()}),
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tricks", nargs="+", choices=TRICKS, default=list(TRICKS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--real", type=Path, required=True, help="folder of IDX files")
    parser.add_argument("--images", type=Path, default=Path("build/levers"))
    parser.add_argument("--work", type=Path, default=Path("build/tricks"))
    parser.add_argument("--result", type=Path, required=True)
    return parser.parse_args()


if __name__ == "__main__":
    main()
