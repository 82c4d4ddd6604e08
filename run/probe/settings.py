"""What decides a robustness report. Free of PyTorch, so that the command's help is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from ...base.errors import InputError, unknown
from ...base.settings import option, section
from ...data.settings import ReadSettings

FAMILIES: Mapping[str, tuple[str, ...]] = {
    "noise": ("gaussian-noise", "shot-noise", "impulse-noise"),
    "blur": ("defocus-blur", "glass-blur", "motion-blur", "zoom-blur"),
    "weather": ("snow", "frost", "fog", "brightness"),
    "digital": ("contrast", "elastic", "pixelate", "jpeg"),
}
"""The common corruptions by kind, in the order of the paper."""
NAMES = tuple(name for names in FAMILIES.values() for name in names)
HELD_OUT = ("impulse-noise", "motion-blur", "frost", "pixelate")
"""One of each family."""


def corruption_names(text: str) -> tuple[str, ...]:
    """Names separated by commas."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


@dataclass(frozen=True)
class RobustifySettings:
    """How a run is fine-tuned on the corruptions that it cannot bear.

    Raises `InputError` for values out of range.
    """

    hold_out: tuple[str, ...] = option(HELD_OUT, read=corruption_names, shown=", ".join(HELD_OUT))
    """Corruptions that are not trained on, so that it shows how far the rest helps against others;
    '' for none."""
    epochs: int = 3
    """How often each image and each copy is trained on."""
    copies: int = 3
    """Corrupted copies of each image, beside the image itself; a corruption and a severity is drawn
    for each."""
    learning_rate: float | None = option(None, shown="a quarter of the run's")
    """Peak of the schedule."""

    def __post_init__(self) -> None:
        _check_names(self.hold_out)
        if len(set(self.hold_out)) == len(NAMES):
            raise InputError(
                f"all {len(NAMES)} corruptions are held out: leave at least one to train on"
            )
        for name in ("epochs", "copies"):
            if (value := getattr(self, name)) < 1:
                raise InputError(f"{name} is {value}: at least 1 is needed")
        rate = self.learning_rate
        if rate is not None and not 0 < rate < math.inf:  # NaN, too
            raise InputError(f"learning rate is {rate}: it must be above 0")


@dataclass(frozen=True)
class ProbeSettings:
    """How a classifier is probed.

    Raises `InputError` for values out of range.
    """

    data: str | None = option(None, shown="images that the run's model generates")
    """Labelled real images: a folder with a sub-folder a class, a Parquet file, WebDataset shards,
    or fashion-mnist."""
    images: int = 1000
    """How many images to probe with, drawn evenly from the classes; all where there are fewer."""
    corruptions: tuple[str, ...] = option((), read=corruption_names, shown="all 15")
    """Probe with these alone, comma-separated, such as fog,shot-noise."""
    seed: int = 0
    """Decides which images are taken, and what is drawn for each of them."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    robustify: bool = False
    """Fine-tune the run on its own images under the corruptions that hurt, into a new run, and
    measure both."""
    tuning: RobustifySettings = section(RobustifySettings, panel="Robustify")
    reading: ReadSettings = section(ReadSettings, panel="Reading images")

    def __post_init__(self) -> None:
        _check_names(self.corruptions)
        if self.images < 1:
            raise InputError(f"images is {self.images}: at least 1 is needed")
        if not 0 <= self.seed < 2**64:
            raise InputError(f"seed {self.seed} is outside 0..2^64-1: choose one inside")
        if not self.robustify and self.tuning != RobustifySettings():
            raise InputError(
                "--hold-out, --epochs, --copies and --learning-rate say how a run is fine-tuned: "
                "give --robustify, too, or leave them out"
            )
        if self.robustify and self.corruptions:
            raise InputError(
                f"--robustify measures all corruptions, and {', '.join(self.corruptions)} were "
                "named: leave --corruptions out; --hold-out says which are not trained on"
            )


def _check_names(names: tuple[str, ...]) -> None:
    for name in names:
        if name not in NAMES:
            raise unknown("corruption", name, NAMES)
