"""Where the embedded files lie: the default pipeline and a small real test set.

Each folder holds its own licence and says where its contents come from.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["FASHION_MNIST_TEST", "TINY_FASHION"]

TINY_FASHION = Path(__file__).parent / "tiny-fashion"
"""A latent diffusion pipeline of Fashion-MNIST, in the folder format of `diffusers`."""

FASHION_MNIST_TEST = Path(__file__).parent / "fashion-mnist-test" / "test.parquet"
"""Real images of the Fashion-MNIST test split: PNG bytes and labels."""
