"""A run so small that tests can end it again and again."""

import os
from pathlib import Path

from zeroreal.generate import GenerateSettings
from zeroreal.run import RunSettings
from zeroreal.train import PoolSettings, TrainSettings

SMALL = RunSettings(
    classes=("bag", "coat", "dress", "sneaker"),
    images_per_class=8,
    device="cpu",
    checkpoint_seconds=0,
    generate=GenerateSettings(steps=2, engine="torch", precision="fp32", tune="off", batch_size=4),
    # 32 images of 32 pixels, 6 at a time: 18 are held, others replace them.
    pool=PoolSettings(blocks=3, memory=24 * 32 * 32 * 3, policy="most-replayed"),
    train=TrainSettings(epochs=2, batch_size=12),
)


def script_environment():
    """Of a test's own script: with the helpers, and one thread, whose pool lives on in a fork."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parent)}
