"""The three graphs of a latent diffusion model: text encoder, denoising step, VAE decoder.

Each is a module whose `forward` takes the inputs of its `GraphSpec` by name and returns its outputs
in order. The torch engine runs them as they are; the exporter turns them into ONNX.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ...engine.graph import GraphSpec, TensorSpec
from ...kernels import guided_step
from ..model.model_info import ModelInfo

if TYPE_CHECKING:
    from diffusers import AutoencoderKL, AutoencoderTiny
    from transformers import CLIPTextModel

TEXT_ENCODER, DENOISE, VAE_DECODER = GRAPHS = ("text_encoder", "denoise", "vae_decoder")
DENOISE_SHALLOW = "denoise_shallow"
"""A fourth graph, for steps that take the deep features of an earlier one; see `deep_cache`."""
COEFFICIENTS = 7


class TextEncoder(nn.Module):
    """Token ids to the text embeddings that the UNet attends to.

    One encoder gives its last hidden states, normalised; two (SDXL) give the last but one of each,
    side by side, and the second's projected embedding of the end token.
    """

    def __init__(self, encoders: Sequence[CLIPTextModel]) -> None:
        super().__init__()
        self.encoders = nn.ModuleList(encoders)

    def forward(self, tokens: Tensor, tokens_2: Tensor | None = None) -> tuple[Tensor, ...]:
        """Embeddings of int64 `[B, tokens]`: `[B, tokens, channels]`, and pooled `[B, P]`."""
        if tokens_2 is None:
            (encoder,) = self.encoders
            return (encoder(tokens)[0],)
        first, second = (
            encoder(ids, output_hidden_states=True)
            for encoder, ids in zip(self.encoders, (tokens, tokens_2), strict=True)
        )
        states = torch.cat([first.hidden_states[-2], second.hidden_states[-2]], dim=-1)
        return states, second.text_embeds


class DenoiseStep(nn.Module):
    """One whole step of denoising: UNet, classifier-free guidance and the scheduler's update.

    Images with guidance have two rows in the UNet's batch, others one: rows 0 to B-1 are
    conditional on the images' prompts, the rest on negative prompts. `rows` names the image of
    every row, and `unconditional` the row that guidance pushes each image away from: its own
    conditional row if it has no other, which makes guidance nothing.

    Args:
        unet: a `UNet2DConditionModel`, or a module that is called in the same way; whatever it
            gives beside its prediction the step gives, too.
        guidance_channels: of the guidance embedding that a distilled UNet takes; else None.
    """

    def __init__(self, unet: nn.Module, guidance_channels: int | None) -> None:
        super().__init__()
        self.unet, self.guidance_channels = unet, guidance_channels

    def forward(
        self,
        latents: Tensor,
        history: Tensor,
        timestep: Tensor,
        coefficients: Tensor,
        guidance: Tensor,
        text_embeddings: Tensor,
        noise: Tensor | None = None,
        seeds: Tensor | None = None,
        draw: Tensor | None = None,
        rows: Tensor | None = None,
        unconditional: Tensor | None = None,
        pooled: Tensor | None = None,
        time_ids: Tensor | None = None,
        deep_features: Tensor | None = None,
    ) -> tuple[Tensor, ...]:
        """The next latents and what a multistep scheduler remembers, float32 `[B, C, H/8, W/8]`.

        `coefficients` are those of `Schedule`: with x the latents and o the guided output, the next
        latents are `c1 x + c2 o + c3 history + c4 noise`, remembered is `c5 x + c6 o`, and the UNet
        sees `c0 x`, in the dtype of `text_embeddings`. Without `noise`, it is the `draw` of `seeds`
        and drawn by the kernel that does all this; see `guided_step`.
        """
        scaled = latents * coefficients[0]
        if rows is not None:
            scaled = scaled.index_select(0, rows)  # [rows, C, H/8, W/8]
        dtype = text_embeddings.dtype
        inputs = scaled.to(dtype)
        conditions: dict[str, Any] = {}
        if pooled is not None:
            # float32, as the embedding of `time_ids` is: ONNX joins only what is of one type.
            added = {"text_embeds": pooled.float(), "time_ids": time_ids}
            conditions["added_cond_kwargs"] = added
        if self.guidance_channels is not None:
            embedding = _guidance_embedding(guidance, self.guidance_channels)
            conditions["timestep_cond"] = embedding.to(dtype)
        if deep_features is not None:
            conditions["deep_features"] = deep_features
        output, *features = self.unet(
            inputs,
            timestep,
            encoder_hidden_states=text_embeddings,
            return_dict=False,
            **conditions,
        )
        if noise is None:
            assert seeds is not None
            assert draw is not None
            updated = guided_step(
                output, unconditional, guidance, latents, history, coefficients, seeds, draw
            )
            return *updated, *features
        output = output.float()
        if unconditional is not None:
            away = output.index_select(0, unconditional)
            toward = output[: latents.shape[0]]
            output = away + guidance.view(-1, 1, 1, 1) * (toward - away)
        following = (
            coefficients[1] * latents
            + coefficients[2] * output
            + coefficients[3] * history
            + coefficients[4] * noise
        )
        return following, coefficients[5] * latents + coefficients[6] * output, *features


def _guidance_embedding(guidance: Tensor, channels: int) -> Tensor:
    """Sinusoidal embedding `[B, channels]` of the guidance scale less 1 (arXiv 2310.04378)."""
    half = channels // 2
    exponents = torch.arange(half, dtype=torch.float32, device=guidance.device) / (half - 1)
    angles = (guidance - 1)[:, None] * 1000.0 * torch.pow(10000.0, -exponents)
    return torch.cat([angles.sin(), angles.cos()], dim=1)


class VaeDecoder(nn.Module):
    """Latents to images of -1..1."""

    scale: Tensor
    shift: Tensor

    def __init__(self, vae: AutoencoderKL | AutoencoderTiny) -> None:
        super().__init__()
        self.vae = vae
        config = vae.config
        mean, std = getattr(config, "latents_mean", None), getattr(config, "latents_std", None)
        shape = (1, -1, 1, 1)
        scale = torch.tensor(std or [1.0]).view(shape) / config.scaling_factor
        shift = torch.tensor(mean or [getattr(config, "shift_factor", None) or 0.0]).view(shape)
        self.register_buffer("scale", scale, persistent=False)
        self.register_buffer("shift", shift, persistent=False)

    def forward(self, latents: Tensor) -> Tensor:
        """Images `[B, 3, H, W]` in the VAE's dtype from float32 latents `[B, C, H/8, W/8]`."""
        unscaled = (latents * self.scale + self.shift).to(self.vae.dtype)
        images: Tensor = self.vae.decode(unscaled, return_dict=False)[0]
        return images


def graph_specs(
    info: ModelInfo,
    dtypes: Mapping[str, torch.dtype],
    image_size: tuple[int, int] | None = None,
    *,
    draws_noise: bool = False,
    deep_cache: bool = False,
) -> dict[str, GraphSpec]:
    """Inputs and outputs of the graphs whose weights have the `dtypes`.

    `image_size` is height and width in pixels; None leaves both free (dimensions `height` and
    `width`, counted in latents). The batch (`batch` images; `rows` in the UNet) is always free.
    With `draws_noise` the denoising step takes `seeds` and the number of their `draw` in place of
    `noise`. With `deep_cache` it gives its deep features, and `denoise_shallow` takes
    them.
    """
    side: tuple[int | str, int | str] = ("height", "width")
    pixels: tuple[int | str, int | str] = (f"{info.vae_scale}*height", f"{info.vae_scale}*width")
    if image_size is not None:
        pixels = image_size
        side = (image_size[0] // info.vae_scale, image_size[1] // info.vae_scale)
    latents = ("batch", info.latent_channels, *side)
    float32, text_dtype = torch.float32, dtypes[DENOISE]
    rows = "rows" if info.guided else "batch"

    tokens = [TensorSpec("tokens", torch.int64, ("batch", info.tokens))]
    context = (info.tokens, info.context_channels)
    embeddings = [TensorSpec("text_embeddings", dtypes[TEXT_ENCODER], ("batch", *context))]
    step = [
        TensorSpec("latents", float32, latents),
        TensorSpec("history", float32, latents),
        *_noise_inputs(latents, draws_noise),
        TensorSpec("timestep", float32, (1,)),
        TensorSpec("coefficients", float32, (COEFFICIENTS,)),
        TensorSpec("guidance", float32, ("batch",)),
        TensorSpec("text_embeddings", text_dtype, (rows, *context)),
    ]
    if info.guided:
        step.append(TensorSpec("rows", torch.int64, ("rows",)))
        step.append(TensorSpec("unconditional", torch.int64, ("batch",)))
    if info.pooled_channels is not None:
        tokens.append(TensorSpec("tokens_2", torch.int64, ("batch", info.tokens)))
        pooled = ("batch", info.pooled_channels)
        embeddings.append(TensorSpec("pooled", dtypes[TEXT_ENCODER], pooled))
        step.append(TensorSpec("pooled", text_dtype, (rows, info.pooled_channels)))
        step.append(TensorSpec("time_ids", float32, (rows, 6)))
    stepped = [TensorSpec("next_latents", float32, latents), TensorSpec("carry", float32, latents)]
    specs = {
        TEXT_ENCODER: GraphSpec(TEXT_ENCODER, tuple(tokens), tuple(embeddings)),
        DENOISE: GraphSpec(DENOISE, tuple(step), tuple(stepped)),
        VAE_DECODER: GraphSpec(
            VAE_DECODER,
            (TensorSpec("latents", float32, latents),),
            (TensorSpec("images", dtypes[VAE_DECODER], ("batch", 3, *pixels)),),
        ),
    }
    if deep_cache:
        features = TensorSpec("deep_features", text_dtype, (rows, info.unet_channels, *side))
        specs[DENOISE] = GraphSpec(DENOISE, tuple(step), (*stepped, features))
        specs[DENOISE_SHALLOW] = GraphSpec(DENOISE_SHALLOW, (*step, features), tuple(stepped))
    return specs


def _noise_inputs(latents: tuple[int | str, ...], drawn: bool) -> list[TensorSpec]:
    if not drawn:
        return [TensorSpec("noise", torch.float32, latents)]
    return [TensorSpec("seeds", torch.int64, ("batch",)), TensorSpec("draw", torch.int64, (1,))]
