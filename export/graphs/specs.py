"""The graphs of a latent diffusion model by name: the inputs and outputs of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch

from ...engine.graph import GraphSpec, TensorSpec
from ..model.model_info import ModelInfo

if TYPE_CHECKING:
    pass


TEXT_ENCODER, DENOISE, VAE_DECODER = GRAPHS = ("text_encoder", "denoise", "vae_decoder")
DENOISE_SHALLOW = "denoise_shallow"
"""A fourth graph, for steps that take the deep features of an earlier one; see `deep_cache`."""
DENOISE_FIRST = "denoise_first"
"""A fifth graph, for the first steps by a model's own UNet, before a distilled one's."""
VAE_ENCODER = "vae_encoder"
"""A sixth graph, for images that are given; exported where it is asked for."""
COEFFICIENTS = 7
NEGATIVE_EMBEDDINGS = "negative_embeddings"
"""What a text encoder with clip skip gives beside, for negative prompts."""


def graph_specs(
    info: ModelInfo,
    dtypes: Mapping[str, torch.dtype],
    generate_size: tuple[int, int] | None = None,
    *,
    draws_noise: bool = False,
    deep_cache: bool = False,
) -> dict[str, GraphSpec]:
    """Inputs and outputs of the graphs whose weights have the `dtypes`.

    The batch (`batch` images; `rows` in the UNet) is always free.

    Args:
        info: the model.
        dtypes: of each graph, by its name.
        generate_size: height and width in pixels; None leaves both free (dimensions `height` and
            `width`, counted in latents).
        draws_noise: the denoising step takes `seeds` and the number of their `draw`, not `noise`.
        deep_cache: the denoising step also gives its deep features; `denoise_shallow` takes them.
    """
    side: tuple[int | str, int | str] = ("height", "width")
    pixels: tuple[int | str, int | str] = (f"{info.vae_scale}*height", f"{info.vae_scale}*width")
    if generate_size is not None:
        pixels = generate_size
        side = (generate_size[0] // info.vae_scale, generate_size[1] // info.vae_scale)
    latents = ("batch", info.latent_channels, *side)
    step = _step_inputs(info, dtypes[DENOISE], latents, draws_noise)
    stepped = (
        TensorSpec("next_latents", torch.float32, latents),
        TensorSpec("carry", torch.float32, latents),
    )
    decoded = TensorSpec("images", dtypes[VAE_DECODER], ("batch", 3, *pixels))
    specs = {
        TEXT_ENCODER: _text_encoder_spec(info, dtypes[TEXT_ENCODER]),
        DENOISE: GraphSpec(DENOISE, step, stepped),
        VAE_DECODER: GraphSpec(
            VAE_DECODER, (TensorSpec("latents", torch.float32, latents),), (decoded,)
        ),
    }
    if deep_cache:
        shape = (_rows(info), info.unet_channels, *side)
        features = TensorSpec("deep_features", dtypes[DENOISE], shape)
        specs[DENOISE] = GraphSpec(DENOISE, step, (*stepped, features))
        specs[DENOISE_SHALLOW] = GraphSpec(DENOISE_SHALLOW, (*step, features), stepped)
    return specs


def vae_encoder_spec(info: ModelInfo, generate_size: tuple[int, int]) -> GraphSpec:
    """Inputs and outputs of the VAE encoder, for images of height and width in pixels."""
    height, width = (side // info.vae_scale for side in generate_size)
    given = TensorSpec("images", torch.uint8, ("batch", *generate_size, 3))
    shape = ("batch", info.latent_channels, height, width)
    return GraphSpec(VAE_ENCODER, (given,), (TensorSpec("latents", torch.float32, shape),))


def _rows(info: ModelInfo) -> str:
    """The dimension that counts the UNet's rows; without guidance there is one for each image."""
    return "rows" if info.guided else "batch"


def _text_encoder_spec(info: ModelInfo, dtype: torch.dtype) -> GraphSpec:
    tokens = [TensorSpec("tokens", torch.int64, ("batch", info.tokens))]
    shape = ("batch", info.tokens, info.context_channels)
    embeddings = [TensorSpec("text_embeddings", dtype, shape)]
    if info.pooled_channels is not None:
        tokens.append(TensorSpec("tokens_2", torch.int64, ("batch", info.tokens)))
        embeddings.append(TensorSpec("pooled", dtype, ("batch", info.pooled_channels)))
    if info.clip_skip:
        embeddings.append(TensorSpec(NEGATIVE_EMBEDDINGS, dtype, shape))
    return GraphSpec(TEXT_ENCODER, tuple(tokens), tuple(embeddings))


def _step_inputs(
    info: ModelInfo, text_dtype: torch.dtype, latents: tuple[int | str, ...], draws_noise: bool
) -> tuple[TensorSpec, ...]:
    float32, rows = torch.float32, _rows(info)
    step = [
        TensorSpec("latents", float32, latents),
        TensorSpec("history", float32, latents),
        *_noise_inputs(latents, draws_noise),
        TensorSpec("timestep", float32, (1,)),
        TensorSpec("coefficients", float32, (COEFFICIENTS,)),
        TensorSpec("guidance", float32, ("batch",)),
        TensorSpec("text_embeddings", text_dtype, (rows, info.tokens, info.context_channels)),
    ]
    if info.guided:
        step.append(TensorSpec("rows", torch.int64, ("rows",)))
        step.append(TensorSpec("unconditional", torch.int64, ("batch",)))
    if info.pooled_channels is not None:
        step.append(TensorSpec("pooled", text_dtype, (rows, info.pooled_channels)))
        step.append(TensorSpec("time_ids", float32, (rows, 6)))
    return tuple(step)


def _noise_inputs(latents: tuple[int | str, ...], drawn: bool) -> list[TensorSpec]:
    if not drawn:
        return [TensorSpec("noise", torch.float32, latents)]
    return [TensorSpec("seeds", torch.int64, ("batch",)), TensorSpec("draw", torch.int64, (1,))]
