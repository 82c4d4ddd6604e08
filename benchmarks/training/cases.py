"""What the training benchmark trains: networks and sizes, and what ours is compared to."""

from __future__ import annotations

from dataclasses import dataclass

from ...train.trainer import DEFAULT_CLASSIFIER

CACHED, TIMM = "cached", "timm"


@dataclass(frozen=True)
class TrainingCase:
    """One training."""

    against: str
    """`cached` or `timm`."""
    classifier: str
    stored: int
    """Side in pixels of the images in memory."""
    size: int
    """Side in pixels of the images that are trained on."""


CASES = {
    "cached-32": TrainingCase(CACHED, DEFAULT_CLASSIFIER, 32, 32),
    "cached-64": TrainingCase(CACHED, "resnet18", 64, 64),
    "cached-224": TrainingCase(CACHED, "resnet50", 256, 224),
    "timm-64": TrainingCase(TIMM, "resnet18", 64, 64),
    "timm-224": TrainingCase(TIMM, "resnet50", 256, 224),
}
DEFAULT_CASES = {
    "cpu": ("cached-32", "cached-64", "timm-64"),
    "cuda": ("cached-32", "cached-224", "timm-224"),
}
"""By type of device."""
