"""UNets, VAEs and text encoders: defaults are those of the libraries' constructors."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt

from ....base.foreign import ForeignValues

_MOST_CHANNELS = 2**16
_MOST_TOKENS = 2**24
_MOST_LAYERS = 1_000

Channels = Annotated[int, Field(ge=1, le=_MOST_CHANNELS)]
Layers = Annotated[int, Field(ge=0, le=_MOST_LAYERS)]
Widths = Annotated[tuple[Channels, ...], Field(min_length=1, max_length=16, strict=False)]
Depths = Annotated[tuple[Layers, ...], Field(min_length=1, strict=False)]
NestedDepths = Annotated[tuple[Layers | Depths, ...], Field(min_length=1, strict=False)]
Heads = Annotated[tuple[PositiveInt, ...], Field(min_length=1, strict=False)]
Kinds = Annotated[tuple[str, ...], Field(min_length=1, strict=False)]
Statistics = Annotated[tuple[float, ...], Field(min_length=1, strict=False)]
Share = Annotated[float, Field(ge=0, le=1)]
Epsilon = Annotated[float, Field(ge=0)]


class UNetValues(ForeignValues):
    """Of `UNet2DConditionModel`."""

    sample_size: PositiveInt | list[PositiveInt] | None = None
    in_channels: Channels = 4
    out_channels: Channels = 4
    block_out_channels: Widths = (320, 640, 1280, 1280)
    down_block_types: Kinds = (*["CrossAttnDownBlock2D"] * 3, "DownBlock2D")
    mid_block_type: str | None = "UNetMidBlock2DCrossAttn"
    up_block_types: Kinds = ("UpBlock2D", *["CrossAttnUpBlock2D"] * 3)
    layers_per_block: Layers | Depths = 2
    transformer_layers_per_block: Layers | NestedDepths = 1
    attention_head_dim: PositiveInt | Heads = 8
    cross_attention_dim: Channels | list[Channels] = 1280
    time_cond_proj_dim: Channels | None = None
    time_embedding_dim: Channels | None = None
    act_fn: str = "silu"
    norm_num_groups: PositiveInt | None = 32
    norm_eps: Epsilon = 1e-5
    dropout: Share = 0.0
    freq_shift: float = 0
    downsample_padding: NonNegativeInt = 1
    mid_block_scale_factor: PositiveFloat = 1
    conv_in_kernel: PositiveInt = 3
    conv_out_kernel: PositiveInt = 3


class VaeValues(ForeignValues):
    """Of `AutoencoderKL`."""

    block_out_channels: Widths = (64,)
    down_block_types: Kinds = ("DownEncoderBlock2D",)
    up_block_types: Kinds = ("UpDecoderBlock2D",)
    layers_per_block: Layers = 1
    act_fn: str = "silu"
    norm_num_groups: PositiveInt = 32
    sample_size: PositiveInt | PositiveFloat | list[PositiveFloat] = 32
    latent_channels: Channels = 4
    out_channels: Channels = 3
    scaling_factor: PositiveFloat = 0.18215
    shift_factor: float | None = None
    latents_mean: Statistics | None = None
    latents_std: Statistics | None = None


class TinyVaeValues(ForeignValues):
    """Of `AutoencoderTiny`."""

    decoder_block_out_channels: Widths = (64, 64, 64, 64)
    num_decoder_blocks: Depths = (3, 3, 3, 1)
    act_fn: str = "relu"
    upsampling_scaling_factor: PositiveInt = 2
    latent_channels: Channels = 4
    out_channels: Channels = 3
    scaling_factor: PositiveFloat = 1.0


class _TextValues(ForeignValues):
    """Of any text encoder."""

    vocab_size: Annotated[int, Field(ge=1, le=_MOST_TOKENS)] = 49408
    max_position_embeddings: Channels = 77
    hidden_size: Channels = 512
    intermediate_size: Channels = 2048
    projection_dim: Channels | None = 512
    num_hidden_layers: Annotated[int, Field(ge=1, le=_MOST_LAYERS)] = 12
    num_attention_heads: PositiveInt = 8
    hidden_act: str = "quick_gelu"
    layer_norm_eps: Epsilon = 1e-5
    attention_dropout: Share | None = 0.0


class TextValues(_TextValues):
    """Of a CLIP text encoder."""

    eos_token_id: int = 49407


class DualTextValues(_TextValues):
    """Of the text encoder of a dual encoder, which need not be CLIP's."""

    eos_token_id: int | list[int] | None = 49407


class VisionValues(ForeignValues):
    """Of the image encoder of a dual encoder."""

    hidden_size: Channels = 768
    intermediate_size: Channels = 3072
    num_hidden_layers: Annotated[int, Field(ge=1, le=_MOST_LAYERS)] = 12
    num_attention_heads: PositiveInt = 12
    num_channels: Literal[3] = 3
    image_size: Channels | list[Channels] = 224
    patch_size: Channels = 32
    hidden_act: str = "quick_gelu"
    layer_norm_eps: Epsilon = 1e-5
    attention_dropout: Share = 0.0


class DualEncoderValues(ForeignValues):
    """Of a `CLIPModel` and its kin; what ends in `_dict` is where old ones have the same."""

    model_type: str
    text_config: DualTextValues | None = None
    text_config_dict: DualTextValues | None = None
    vision_config: VisionValues | None = None
    vision_config_dict: VisionValues | None = None
    projection_dim: Channels = 512


VAES: dict[str, type[ForeignValues]] = {
    "AutoencoderKL": VaeValues,
    "AutoencoderTiny": TinyVaeValues,
}
