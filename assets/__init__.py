"""Where the embedded files lie: the default pipeline, an encoder, a test set, a vocabulary.

Each folder holds its own licence and says where its contents come from.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["CLIP_MERGES", "FASHION_MNIST_TEST", "TINY_CLIP", "TINY_FASHION"]

TINY_FASHION = Path(__file__).parent / "tiny-fashion"
"""A latent diffusion pipeline of Fashion-MNIST, in the folder format of `diffusers`."""

TINY_CLIP = Path(__file__).parent / "tiny-clip"
"""A dual encoder of garments, a `CLIPModel` in the folder format of `transformers`."""

FASHION_MNIST_TEST = Path(__file__).parent / "fashion-mnist-test" / "test.parquet"
"""Real images of the Fashion-MNIST test split: PNG bytes and labels."""

CLIP_MERGES = Path(__file__).parent / "clip-vocabulary" / "merges.txt.gz"
"""The byte pair merges of CLIP's tokenizer, which Stable Diffusion's models share."""
