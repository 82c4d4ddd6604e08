"""`philox_normal`: noise as a pure function of (seed, draw, position), on every device.

The operator is `zeroreal::philox_normal_(Tensor(a!) out, Tensor seeds, SymInt draw) -> ()`.

The uniform words are those of Philox4x32-10 (Salmon et al., SC 2011). Element e of an image is
number e % 4 of block e // 4. The key of a block is the image's seed, low half first; its counter is
(block, high half of block, 0, draw), and of its four words the first two give two normal numbers
and the last two give two more (Box and Muller 1958): sqrt(-2 log((a // 2 + 1/2) / 2^31)) times the
cosine and the sine of b / 2^32 turns. No number is larger than sqrt(64 log 2) = 6.66, none is
infinite or NaN.

CPU and CUDA libraries give the same bits; the reference differs from them by rounding.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ._operators import POINTER, SIZE, NativeKernel, define_operator

__all__ = ["philox_normal", "philox_normal_", "philox_normal_reference"]

_MASK = 2**32 - 1
_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_WEYL = (0x9E3779B9, 0xBB67AE85)

# out, seeds, batch, size of an image, draw
_kernel = NativeKernel("philox_normal", (POINTER, POINTER, SIZE, SIZE, SIZE))


def philox_normal(seeds: Tensor, shape: Sequence[int], draw: int = 0) -> Tensor:
    """Standard normal noise for images with seeds of their own.

    Args:
        seeds: [B] int64; all 64 bits count.
        shape: the shape of one image.
        draw: which of a seed's draws, 0 to 2^32 - 1: they are independent. A sampler's starting
            noise is draw 0, the noise of its step n draw n + 1.

    Returns:
        [B, *shape] float32, contiguous, on the device of `seeds`.

    Raises:
        ValueError: for seeds of another rank or dtype, and for a draw out of range.
    """
    out = torch.empty((len(seeds), *shape), dtype=torch.float32, device=seeds.device)
    return philox_normal_(out, seeds, draw)


def philox_normal_(out: Tensor, seeds: Tensor, draw: int = 0) -> Tensor:
    """Fill `out`, [B, ...] float32 and contiguous, as `philox_normal` would; gives `out`.

    `ValueError` where it is not that, or on another device than `seeds`.
    """
    torch.ops.zeroreal.philox_normal_.default(out, seeds, draw)
    return out


def philox_normal_reference(seeds: Tensor, shape: Sequence[int], draw: int | Tensor = 0) -> Tensor:
    """The same as `philox_normal` in plain PyTorch operations; see there.

    `draw` may be int64 `[1]`, on the device of `seeds`.
    """
    size = math.prod(shape)
    words = philox_words(seeds, (size + 3) // 4, draw)  # 4 of [B, blocks]
    pairs = (_box_muller(*words[:2]), _box_muller(*words[2:]))
    numbers = torch.stack([*pairs[0], *pairs[1]], dim=2).flatten(1)  # [B, 4 blocks]
    return numbers[:, :size].float().reshape(len(seeds), *shape)


def philox_words(seeds: Tensor, blocks: int, draw: int | Tensor) -> tuple[Tensor, ...]:
    """The four words of every block, each int64 `[B, blocks]`."""
    key0, key1 = (seeds & _MASK)[:, None], (seeds >> 32 & _MASK)[:, None]
    c0 = torch.arange(blocks, device=seeds.device).expand(len(seeds), -1)
    c0, c1, c2, c3 = c0 & _MASK, c0 >> 32, torch.zeros_like(c0), torch.zeros_like(c0) + draw
    for _ in range(10):
        # The products need 64 bits and overflow int64: the bits are right, the sign is masked away.
        left, right = _MULTIPLIERS[0] * c0, _MULTIPLIERS[1] * c2
        c0, c1, c2, c3 = (
            (right >> 32 & _MASK) ^ c1 ^ key0,
            right & _MASK,
            (left >> 32 & _MASK) ^ c3 ^ key1,
            left & _MASK,
        )
        key0, key1 = (key0 + _WEYL[0]) & _MASK, (key1 + _WEYL[1]) & _MASK
    return c0, c1, c2, c3


def _box_muller(radius_word: Tensor, angle_word: Tensor) -> tuple[Tensor, Tensor]:
    """Two normal numbers, float64, from two uniform words."""
    # Rounded as the kernels do, to float32.
    uniform = ((radius_word >> 1).float() + 0.5).double() / 2**31
    radius = uniform.log().mul(-2.0).sqrt()
    angle = angle_word.double() * (2 * math.pi / 2**32)
    return radius * angle.cos(), radius * angle.sin()


def _philox_normal_native(out: Tensor, seeds: Tensor, draw: int) -> None:
    _check(out, seeds, draw)
    size = math.prod(out.shape[1:])
    if not _kernel(out.device, out, seeds.contiguous(), len(seeds), size, draw):
        _fill_with_reference(out, seeds, draw)


def _fill_with_reference(out: Tensor, seeds: Tensor, draw: int) -> None:
    _check(out, seeds, draw)
    out.copy_(philox_normal_reference(seeds, out.shape[1:], draw))


def _check(out: Tensor, seeds: Tensor, draw: int) -> None:
    """Refuse what `philox_normal_` refuses; the fake implementation too."""
    if seeds.dtype != torch.int64 or seeds.dim() != 1:
        raise ValueError(f"seeds must be int64 [B], not {seeds.dtype} {tuple(seeds.shape)}")
    if out.dtype != torch.float32 or not out.is_contiguous():
        raise ValueError(f"noise is written to contiguous float32, not to {out.dtype}")
    if out.dim() == 0 or len(out) != len(seeds) or out.device != seeds.device:
        raise ValueError(
            f"noise for {len(seeds)} seeds on {seeds.device} cannot fill a tensor of shape "
            f"{tuple(out.shape)} on {out.device}"
        )
    if not 0 <= draw <= _MASK:
        raise ValueError(f"draw must be 0 to {_MASK}, not {draw}")


define_operator(
    "philox_normal_(Tensor(a!) out, Tensor seeds, SymInt draw) -> ()",
    native=_philox_normal_native,
    reference=_fill_with_reference,
    fake=_check,
)
