"""Images as vectors, some at a time on the device."""

from __future__ import annotations

import torch
from torch import Tensor

from ..base.transfer import to_device
from .dual_encoder import DualEncoder

_BLOCK = 256


def embed_in_blocks(encoder: DualEncoder, images: Tensor) -> Tensor:
    """Unit vectors `[N, D]`, on the device, of one or more images uint8 `[N, S, S, 3]`."""
    blocks = images.split(_BLOCK)
    return torch.cat([encoder.embed_images(to_device(block, encoder.device)) for block in blocks])
