"""What models' configurations hold: the fields that shapes, schedules, we or a library depend on.

Values of another kind are refused, as no model was ever saved with them; other fields are left to
the libraries. Defaults are those of the constructors in `diffusers`, and of `CLIPTextConfig` in
`transformers`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Field,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    RootModel,
    ValidationInfo,
    field_validator,
)

from ...base.foreign import ForeignValues

_MOST_TIMESTEPS = 100_000
"""Published models have 1,000; each takes memory."""
_MOST_CHANNELS = 2**16
_MOST_TOKENS = 2**24
_MOST_LAYERS = 1_000
_BETWEEN_BETAS = ("linear", "scaled_linear", "sigmoid")
"""Schedules that are drawn between two betas; the others do not look at them."""

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


def _check_part(pair: tuple[str | None, str | None]) -> tuple[str | None, str | None]:
    if pair[0] is not None and pair[1] is None:
        raise ValueError("a library and a class, or two nulls, are needed")
    return pair


Part = (
    Annotated[tuple[str | None, str | None], Field(strict=False), AfterValidator(_check_part)]
    | None
)


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


class TextValues(ForeignValues):
    """Of a CLIP text encoder."""

    vocab_size: Annotated[int, Field(ge=1, le=_MOST_TOKENS)] = 49408
    max_position_embeddings: Channels = 77
    hidden_size: Channels = 512
    intermediate_size: Channels = 2048
    projection_dim: Channels | None = 512
    num_hidden_layers: Annotated[int, Field(ge=1, le=_MOST_LAYERS)] = 12
    num_attention_heads: PositiveInt = 8
    hidden_act: str = "quick_gelu"
    layer_norm_eps: Epsilon | None = 1e-5
    attention_dropout: Share | None = 0.0
    eos_token_id: int = 49407


class SchedulerValues(ForeignValues):
    """Of any scheduler; what a class does not know stands there without effect."""

    class_name: str | None = Field(None, alias="_class_name")
    num_train_timesteps: Annotated[int, Field(ge=1, le=_MOST_TIMESTEPS)] = 1000
    trained_betas: Annotated[list[Share], Field(min_length=1)] | None = None
    beta_schedule: str = "linear"
    beta_start: Any = 0.0001
    beta_end: Any = 0.02
    prediction_type: Literal["epsilon", "sample", "v_prediction", "flow_prediction"] = "epsilon"
    timestep_spacing: Literal["leading", "linspace", "trailing"] | None = None
    steps_offset: Annotated[int, Field(ge=0, le=_MOST_TIMESTEPS)] = 0
    sigma_min: Annotated[float, Field(ge=0)] | None = None
    sigma_max: PositiveFloat | None = None
    sigma_data: PositiveFloat = 0.5
    rho: PositiveFloat = 7.0
    solver_order: Annotated[int, Field(ge=1, le=10)] = 2
    original_inference_steps: Annotated[int, Field(ge=1, le=_MOST_TIMESTEPS)] = 50
    timestep_scaling: PositiveFloat = 10.0
    clip_sample_range: PositiveFloat = 1.0

    @field_validator("beta_start", "beta_end")
    @classmethod
    def _beta(cls, value: Any, info: ValidationInfo) -> Any:
        """Only those between which a schedule is drawn; EDM's schedulers have sigmas instead."""
        before = info.data
        is_unused = (
            before.get("trained_betas") is not None
            or before.get("beta_schedule") not in _BETWEEN_BETAS
            or str(before.get("class_name")).startswith("EDM")
        )
        if not (is_unused or (type(value) in (int, float) and 0 <= value <= 1)):
            raise ValueError("a number from 0 to 1 is needed")
        return value


class ModelIndex(ForeignValues):
    """Of `model_index.json`: library and class of each part, or two nulls."""

    unet: Part = None
    vae: Part = None
    text_encoder: Part = None
    text_encoder_2: Part = None
    tokenizer: Part = None
    tokenizer_2: Part = None
    scheduler: Part = None
    force_zeros_for_empty_prompt: bool | int | None = None


class TokenizerValues(ForeignValues):
    """Of `tokenizer_config.json`."""

    model_max_length: Annotated[float, Field(ge=1)] | None = None


class ShardIndex(ForeignValues):
    """Of weights in several files: `*.safetensors.index.json`."""

    weight_map: dict[str, str] = Field(default_factory=dict)


class Vocabulary(
    RootModel[Annotated[dict[str, Annotated[int, Field(ge=0, strict=True)]], Field(min_length=1)]]
):
    """Of a tokenizer: the number of each token."""


VAES: dict[str, type[ForeignValues]] = {
    "AutoencoderKL": VaeValues,
    "AutoencoderTiny": TinyVaeValues,
}
