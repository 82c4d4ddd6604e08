"""The embedded model's classes."""

from __future__ import annotations

EMBEDDED_CLASSES = (
    "t-shirt: t-shirt/top",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)
"""What the embedded model was trained to draw."""
