"""What decides a calibration. Free of PyTorch, so that the command's help is."""

from __future__ import annotations

from dataclasses import dataclass

from ...base.errors import InputError
from ...base.settings import option, section
from ...data.settings import ReadSettings
from ...generate.plan.classes import class_entries
from ...generate.plan.settings import check_scales, parse_guidance

PARTS = 3
"""To fit on, to choose by and to measure on."""


@dataclass(frozen=True)
class CalibrateSettings:
    """How a run is calibrated.

    Raises `InputError` for values out of range.
    """

    images: int = 60
    """Images generated of each class, a third each to fit on, to choose by and to measure on."""
    others: int = 600
    """Images of each kind that is off the classes: mixed, in pieces, patterns, of other things."""
    guidance: tuple[float, float] | None = option(
        None, read=parse_guidance, shown="the least of the recipe's"
    )
    """Guidance scale of these images, or the lowest and highest that are drawn; the less, the more
    varied they are."""
    things: tuple[str, ...] = option((), read=class_entries, shown="about a hundred common ones")
    """Things that are none of the classes, comma-separated, or a file of them; drawn by a model
    that can, which the embedded one cannot."""
    keep: float = 0.95
    """The share of generated images of the classes that is not to be rejected."""
    data: str | None = option(None, shown="the run's test images")
    """Real images to measure on, as of zeroreal run; nothing is fitted to them."""
    outside: str | None = None
    """Real images of other things, to measure how well they are rejected; nothing is fitted to
    them."""
    device: str = "auto"
    """Where to generate: auto, cpu, cuda or cuda:N."""
    reading: ReadSettings = section(ReadSettings, panel="Reading images")

    def __post_init__(self) -> None:
        for name in ("images", "others"):
            if (value := getattr(self, name)) < PARTS:
                raise InputError(
                    f"{name} is {value}: at least {PARTS} are needed, to fit on, to choose by and "
                    "to measure on"
                )
        if self.guidance is not None:
            check_scales(self.guidance)
        if not 0 < self.keep <= 1:  # NaN, too
            raise InputError(
                f"keep is {self.keep}: give the share of images to keep, above 0 and at most 1"
            )
