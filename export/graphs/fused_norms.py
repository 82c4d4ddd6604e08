"""Puts `zeroreal::group_norm_silu` into the UNet and the VAE decoder of `diffusers`.

With it, a residual block reads and writes its images twice less for each norm, and all of a model
stays channels-last, where an image of `[B, C, H, W]` and its tokens `[B, H * W, C]` are the same
memory. For the torch engine: ONNX graphs keep the norms as they are.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from ...kernels._group_norm_silu import group_norm_silu

if TYPE_CHECKING:
    from diffusers.models.resnet import ResnetBlock2D
    from diffusers.models.transformers.transformer_2d import Transformer2DModel

__all__ = ["fuse_norms"]


class GroupNormSilu(nn.Module):
    """A group norm with what comes before and after it; computed by `group_norm_silu`.

    Args:
        norm: the norm that it stands for, with weight and bias; they are shared.
        silu: whether SiLU follows.
    """

    def __init__(self, norm: nn.GroupNorm, silu: bool) -> None:
        super().__init__()
        self.weight, self.bias = norm.weight, norm.bias
        self.groups, self.eps, self.silu = norm.num_groups, norm.eps, silu

    def forward(self, values: Tensor, shift: Tensor | None = None) -> Tensor:
        """Of `[B, C, H, W]`, or of tokens `[B, C, S]`; `shift`, `[B, C]`, is added before."""
        images = values if values.ndim == 4 else values.unsqueeze(3)
        out = group_norm_silu(
            images, self.weight, self.bias, self.groups, self.eps, self.silu, shift
        )
        return out if values.ndim == 4 else out.squeeze(3)


def fuse_norms(model: nn.Module) -> nn.Module:
    """Replace every group norm with weights in `model`, and what can be computed with it.

    Changes `model`, for inference only, and returns it. Residual blocks of other kinds than those
    of Stable Diffusion keep their own order of operations.
    """
    from diffusers.models.resnet import ResnetBlock2D
    from diffusers.models.transformers.transformer_2d import Transformer2DModel

    for layer in model.modules():
        if isinstance(layer, ResnetBlock2D) and _is_plain(layer):
            layer.norm1, layer.norm2 = (_fused(norm, True) for norm in (layer.norm1, layer.norm2))
            layer.forward = partial(_residual_block, layer)
        elif isinstance(layer, Transformer2DModel) and layer.is_input_continuous:
            _use_tokens(layer)
        elif isinstance(getattr(layer, "conv_act", None), nn.SiLU):
            _fuse_last(layer)
    for layer in list(model.modules()):
        for name, norm in layer.named_children():
            if isinstance(norm, nn.GroupNorm) and norm.affine:
                setattr(layer, name, _fused(norm, False))
    return model


def _fused(norm: nn.Module, silu: bool) -> GroupNormSilu:
    assert isinstance(norm, nn.GroupNorm)
    return GroupNormSilu(norm, silu)


def _is_plain(block: ResnetBlock2D) -> bool:
    """Whether the block is norm, SiLU, convolution, time embedding if any, and the same again."""
    resizes = block.upsample is not None or block.downsample is not None
    adds = block.time_embedding_norm == "default" or block.time_emb_proj is None
    return adds and not resizes and isinstance(block.nonlinearity, nn.SiLU)


def _residual_block(
    block: ResnetBlock2D, images: Tensor, temb: Tensor | None = None, *_: Any, **__: Any
) -> Tensor:
    """`ResnetBlock2D.forward`, with both norms fused."""
    shift = None
    if block.time_emb_proj is not None:
        assert temb is not None
        shift = block.time_emb_proj(temb if block.skip_time_act else block.nonlinearity(temb))
    hidden = block.norm2(block.conv1(block.norm1(images)), shift)
    out: Tensor = block.conv2(hidden)
    out += images if block.conv_shortcut is None else block.conv_shortcut(images)
    if block.output_scale_factor != 1:
        out /= block.output_scale_factor
    return out


def _use_tokens(layer: Transformer2DModel) -> None:
    """Project the tokens of a channels-last image, without rearranging it."""
    for name in ("proj_in", "proj_out"):
        convolution = getattr(layer, name)
        if isinstance(convolution, nn.Conv2d):
            setattr(layer, name, _linear(convolution))
    layer.forward = partial(_transformer, layer)


def _transformer(
    layer: Transformer2DModel,
    hidden_states: Tensor,
    encoder_hidden_states: Tensor | None = None,
    **_: Any,
) -> tuple[Tensor]:
    """`Transformer2DModel.forward` for images, without masks."""
    tokens = layer.norm(hidden_states).permute(0, 2, 3, 1).flatten(1, 2)  # [B, H * W, C]
    tokens = layer.proj_in(tokens)
    for block in layer.transformer_blocks:
        tokens = block(tokens, encoder_hidden_states=encoder_hidden_states)
    images = layer.proj_out(tokens).unflatten(1, hidden_states.shape[2:]).permute(0, 3, 1, 2)
    return (images.add_(hidden_states),)


def _linear(convolution: nn.Conv2d) -> nn.Linear:
    """A 1x1 convolution as the projection that it is; the weights are shared."""
    layer = nn.Linear(convolution.in_channels, convolution.out_channels, device="meta")
    layer.weight = nn.Parameter(convolution.weight.flatten(1), requires_grad=False)
    if convolution.bias is not None:
        layer.bias = nn.Parameter(convolution.bias, requires_grad=False)
    return layer


def _fuse_last(model: Any) -> None:
    """The norm before a UNet's or decoder's last convolution."""
    if isinstance(model.conv_norm_out, nn.GroupNorm):
        model.conv_norm_out, model.conv_act = (
            GroupNormSilu(model.conv_norm_out, True),
            nn.Identity(),
        )
