"""`guided_step`: what follows the UNet in a denoising step, in one pass.

Classifier-free guidance (arXiv 2207.12598) with a scale for every image, and the scheduler's linear
update, with noise of each image's own seed where the scheduler is stochastic. The operator is
`zeroreal::guided_step(Tensor output, Tensor? unconditional, Tensor guidance, Tensor latents,
Tensor history, Tensor coefficients, Tensor seeds, Tensor draw) -> (Tensor, Tensor)`, without a
gradient.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ._operators import INT, POINTER, SIZE, NativeKernel, define_operator
from ._philox_normal import philox_normal_reference

__all__ = ["guided_step", "guided_step_reference"]

_DTYPES = (torch.float32, torch.float16, torch.bfloat16)
_COEFFICIENTS = 7

# output, dtype, shape of the latents, strides of the output, the other inputs, the two outputs
_kernel = NativeKernel(
    "guided_step", (POINTER, INT, *(SIZE,) * 8, *(POINTER,) * 7, *(POINTER,) * 2)
)


def guided_step(
    output: Tensor,
    unconditional: Tensor | None,
    guidance: Tensor,
    latents: Tensor,
    history: Tensor,
    coefficients: Tensor,
    seeds: Tensor,
    draw: Tensor,
) -> tuple[Tensor, Tensor]:
    """The next latents, and what a multistep scheduler remembers, from the UNet's output.

    With x the latents and o the guided output, `away + guidance (toward - away)`, the next latents
    are `c1 x + c2 o + c3 history + c4 noise`, and remembered is `c5 x + c6 o`, all in float32 and
    in this order. `noise` is `philox_normal(seeds, latents.shape[1:], draw)`; where `c4` is 0 it is
    not computed.

    Args:
        output: [rows, C, H, W], float32, float16 or bfloat16; any strides. Rows 0 to B-1 are those
            that guidance goes toward.
        unconditional: [B] int64, the row that guidance goes away from, below `rows` (not checked);
            None where the output is guided already.
        guidance: [B] float32.
        latents: [B, C, H, W] float32.
        history: the same, finite even where `c3` is 0.
        coefficients: [7] float32, those of a step; the first serves the UNet's input, not this.
        seeds: [B] int64.
        draw: [1] int64, which draw of the seeds is the noise. A tensor, so that a compiled or
            captured graph does not hold it fixed.

    Returns:
        Next latents and carry, [B, C, H, W] float32, contiguous.

    Raises:
        ValueError: for another rank, shape, dtype or device.
    """
    result: tuple[Tensor, Tensor] = torch.ops.zeroreal.guided_step.default(
        output, unconditional, guidance, latents, history, coefficients, seeds, draw
    )
    return result


def guided_step_reference(
    output: Tensor,
    unconditional: Tensor | None,
    guidance: Tensor,
    latents: Tensor,
    history: Tensor,
    coefficients: Tensor,
    seeds: Tensor,
    draw: Tensor,
) -> tuple[Tensor, Tensor]:
    """The same as `guided_step` in plain PyTorch operations; see there."""
    following, carry = _empty_outputs(
        output, unconditional, guidance, latents, history, coefficients, seeds, draw
    )
    _check_rows(output, latents)
    output = output.float()
    toward = output[: latents.shape[0]]
    if unconditional is not None:
        away = output.index_select(0, unconditional)
        toward = away + guidance.view(-1, 1, 1, 1) * (toward - away)
    noise = philox_normal_reference(seeds, latents.shape[1:], draw)
    c = coefficients
    following.copy_(c[1] * latents + c[2] * toward + c[3] * history + c[4] * noise)
    return following, carry.copy_(c[5] * latents + c[6] * toward)


def _guided_step_native(
    output: Tensor,
    unconditional: Tensor | None,
    guidance: Tensor,
    latents: Tensor,
    history: Tensor,
    coefficients: Tensor,
    seeds: Tensor,
    draw: Tensor,
) -> tuple[Tensor, Tensor]:
    inputs = (unconditional, guidance, latents, history, coefficients, seeds, draw)
    outputs = _empty_outputs(output, *inputs)
    _check_rows(output, latents)
    contiguous = [None if x is None else x.contiguous() for x in inputs]
    sizes = (*latents.shape, *output.stride())
    if _kernel(latents.device, output, output.dtype, *sizes, *contiguous, *outputs):
        return outputs
    return guided_step_reference(output, *inputs)


def _check_rows(output: Tensor, latents: Tensor) -> None:
    """Not in the fake implementation: a graph that is exported would hold the batch fixed."""
    if output.shape[0] < latents.shape[0]:
        raise ValueError(
            f"output has {output.shape[0]} rows, latents {latents.shape[0]}: give at least as many"
        )


def _empty_outputs(
    output: Tensor,
    unconditional: Tensor | None,
    guidance: Tensor,
    latents: Tensor,
    history: Tensor,
    coefficients: Tensor,
    seeds: Tensor,
    draw: Tensor,
) -> tuple[Tensor, Tensor]:
    """The outputs, not yet filled; the fake implementation too. Refuses what is refused."""
    if latents.dim() != 4:
        raise ValueError(f"latents must be [B, C, H, W], not of shape {tuple(latents.shape)}")
    if output.dtype not in _DTYPES:
        raise ValueError(f"output must be float32, float16 or bfloat16, not {output.dtype}")
    if output.dim() != 4 or output.shape[1:] != latents.shape[1:]:
        raise ValueError(
            f"output must have rows like those of latents {tuple(latents.shape)}, not the shape "
            f"{tuple(output.shape)}"
        )
    batch, device = latents.shape[:1], latents.device
    wanted = {
        "output": (output, output.dtype, output.shape),
        "guidance": (guidance, torch.float32, batch),
        "latents": (latents, torch.float32, latents.shape),
        "history": (history, torch.float32, latents.shape),
        "coefficients": (coefficients, torch.float32, (_COEFFICIENTS,)),
        "seeds": (seeds, torch.int64, batch),
        "draw": (draw, torch.int64, (1,)),
    }
    if unconditional is not None:
        wanted["unconditional"] = (unconditional, torch.int64, batch)
    for name, (tensor, dtype, shape) in wanted.items():
        if (tensor.dtype, tensor.shape, tensor.device) != (dtype, shape, device):
            raise ValueError(
                f"{name} must be {dtype} of shape {tuple(shape)} on {device}, not {tensor.dtype} "
                f"of shape {tuple(tensor.shape)} on {tensor.device}"
            )
    following = torch.empty(latents.shape, dtype=torch.float32, device=device)
    return following, torch.empty_like(following)


define_operator(
    "guided_step(Tensor output, Tensor? unconditional, Tensor guidance, Tensor latents, "
    "Tensor history, Tensor coefficients, Tensor seeds, Tensor draw) -> (Tensor, Tensor)",
    native=_guided_step_native,
    reference=guided_step_reference,
    fake=_empty_outputs,
)
