"""Accuracy on held-out real images for choices of steps and recipe, to choose defaults by.

    python tools/choose_defaults.py FOLDER --steps 8 12 16 --recipes random-guidance merged

The images tested on are the end of Fashion-MNIST's training split, which the embedded model was not
trained on; `FOLDER` holds its IDX files. The test split is never used for a choice.
"""

from __future__ import annotations

import argparse
import time
from itertools import product
from pathlib import Path

from tiny_fashion.settings import SIZE, Settings
from torch import Tensor

from zeroreal.data.fashion_mnist import as_rgb, load_fashion_mnist
from zeroreal.generate import GenerateSettings, Generator, SamplePlan, load_recipe, parse_classes
from zeroreal.run import RunSettings
from zeroreal.train import Trainer


def held_out_images(folder: Path) -> tuple[Tensor, Tensor]:
    """The held-out images, uint8 `[N, 32, 32, 3]`, and labels."""
    images, labels = load_fashion_mnist(folder, "train")
    last = slice(-Settings.held_out, None)
    return as_rgb(images[last], SIZE), labels[last]


def main() -> None:
    """Print a line for every combination."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--steps", type=int, nargs="+", default=[GenerateSettings.steps])
    parser.add_argument("--recipes", nargs="+", default=[RunSettings.recipe])
    parser.add_argument("--schedulers", nargs="+", default=[None])
    parser.add_argument("--images-per-class", type=int, default=200)
    parser.add_argument("--seed", type=int, default=100)
    chosen = parser.parse_args()
    images, labels = held_out_images(chosen.data)
    classes = parse_classes(RunSettings().classes)
    for steps, recipe, scheduler in product(chosen.steps, chosen.recipes, chosen.schedulers):
        plan = SamplePlan(load_recipe(recipe), classes, chosen.images_per_class, chosen.seed)
        generator = Generator(model=chosen.model, steps=steps, scheduler=scheduler)
        began = time.perf_counter()
        generated, targets = generator.images(plan)
        speed = len(plan) / (time.perf_counter() - began)
        trainer = Trainer(num_classes=len(classes), image_size=SIZE, seed=chosen.seed)
        trainer.fit(generated, targets)
        accuracy = trainer.evaluate(images, labels).accuracy
        print(
            f"{steps} steps, {recipe}, {generator.facts.scheduler}, {len(plan)} images: "
            f"{100 * accuracy:.2f} % ({speed:.1f} images/s)",
            flush=True,
        )


if __name__ == "__main__":
    main()
