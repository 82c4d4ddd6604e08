"""The graphs of a latent diffusion model as modules: text encoder, denoising step, VAE decoder.

Each is a module whose `forward` takes the inputs of its `GraphSpec` by name and returns its outputs
in order. The torch engine runs them as they are; the exporter turns them into ONNX.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ...kernels import guided_step

if TYPE_CHECKING:
    from diffusers import AutoencoderKL, AutoencoderTiny
    from transformers import CLIPTextModel


class TextEncoder(nn.Module):
    """Token ids to the text embeddings that the UNet attends to.

    One encoder gives its last hidden states, normalised; two (SDXL) give the last but one of each,
    side by side, and the second's projected embedding of the end token.

    With `clip_skip`, the states are from so many layers before these, and the states without it
    follow at the end: the pipelines of `diffusers` take those for negative prompts.
    """

    def __init__(self, encoders: Sequence[CLIPTextModel], clip_skip: int = 0) -> None:
        super().__init__()
        self.encoders = nn.ModuleList(encoders)
        self.clip_skip = clip_skip

    def forward(self, tokens: Tensor, tokens_2: Tensor | None = None) -> tuple[Tensor, ...]:
        """Embeddings of int64 `[B, tokens]`: `[B, tokens, channels]`, and pooled `[B, P]`."""
        skip = self.clip_skip
        if tokens_2 is None:
            encoder: Any = self.encoders[0]
            if not skip:
                return (encoder(tokens)[0],)
            given = encoder(tokens, output_hidden_states=True)
            norm = getattr(encoder, "text_model", encoder).final_layer_norm
            return norm(given.hidden_states[-1 - skip]), given[0]
        first, second = (
            encoder(ids, output_hidden_states=True)
            for encoder, ids in zip(self.encoders, (tokens, tokens_2), strict=True)
        )
        states, *negative = (
            torch.cat([first.hidden_states[layer], second.hidden_states[layer]], dim=-1)
            for layer in ([-2 - skip, -2] if skip else [-2])
        )
        return states, second.text_embeds, *negative


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
        conditions = self.conditions(guidance, dtype, pooled, time_ids)
        if deep_features is not None:
            conditions["deep_features"] = deep_features
        output, *features = self.unet(
            scaled.to(dtype),
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
        output = _guided(output.float(), guidance, unconditional)
        following = (
            coefficients[1] * latents
            + coefficients[2] * output
            + coefficients[3] * history
            + coefficients[4] * noise
        )
        return following, coefficients[5] * latents + coefficients[6] * output, *features

    def conditions(
        self, guidance: Tensor, dtype: torch.dtype, pooled: Tensor | None, time_ids: Tensor | None
    ) -> dict[str, Any]:
        """What the UNet is told beside latents, timestep and text, by its own argument names."""
        conditions: dict[str, Any] = {}
        if pooled is not None:
            # float32, as the embedding of `time_ids` is: ONNX joins only what is of one type.
            added = {"text_embeds": pooled.float(), "time_ids": time_ids}
            conditions["added_cond_kwargs"] = added
        if self.guidance_channels is not None:
            embedding = _guidance_embedding(guidance, self.guidance_channels)
            conditions["timestep_cond"] = embedding.to(dtype)
        return conditions


def _guided(output: Tensor, guidance: Tensor, unconditional: Tensor | None) -> Tensor:
    """The UNet's `output` of every row as one of each image, by classifier-free guidance."""
    if unconditional is None:
        return output
    away = output.index_select(0, unconditional)
    toward = output[: guidance.shape[0]]
    return away + guidance.view(-1, 1, 1, 1) * (toward - away)


def _guidance_embedding(guidance: Tensor, channels: int) -> Tensor:
    """Sinusoidal embedding `[B, channels]` of the guidance scale less 1 (arXiv 2310.04378)."""
    half = channels // 2
    exponents = torch.arange(half, dtype=torch.float32, device=guidance.device) / (half - 1)
    angles = (guidance - 1)[:, None] * 1000.0 * torch.pow(10000.0, -exponents)
    return torch.cat([angles.sin(), angles.cos()], dim=1)


class VaeDecoder(nn.Module):
    """Latents to images of -1..1.

    `uses_statistics` says whether the pipeline heeds the mean and deviation of latents that a VAE
    may name, as SDXL's does where there are both.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, vae: AutoencoderKL | AutoencoderTiny, uses_statistics: bool = False) -> None:
        super().__init__()
        self.vae = vae
        mean, std = latent_statistics(vae, uses_statistics)
        self.register_buffer("scale", std / vae.config.scaling_factor, persistent=False)
        self.register_buffer("shift", mean, persistent=False)

    def forward(self, latents: Tensor) -> Tensor:
        """Images `[B, 3, H, W]` in the VAE's dtype from float32 latents `[B, C, H/8, W/8]`."""
        unscaled = (latents * self.scale + self.shift).to(self.vae.dtype)
        images: Tensor = self.vae.decode(unscaled, return_dict=False)[0]
        return images


def latent_statistics(
    vae: AutoencoderKL | AutoencoderTiny, uses_statistics: bool
) -> tuple[Tensor, Tensor]:
    """Mean and deviation of a VAE's latents, `[1, C or 1, 1, 1]`: 0 and 1 where none are heeded."""
    config = vae.config
    mean, std = getattr(config, "latents_mean", None), getattr(config, "latents_std", None)
    if not (uses_statistics and mean and std):
        mean, std = [0.0], [1.0]
    return torch.tensor(mean).view(1, -1, 1, 1), torch.tensor(std).view(1, -1, 1, 1)
