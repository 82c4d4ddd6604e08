"""The graph that makes latents of images: what the VAE decoder undoes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from .steps import latent_statistics

if TYPE_CHECKING:
    from diffusers import AutoencoderKL


class VaeEncoder(nn.Module):
    """Images to latents, scaled as the UNet knows them.

    They are the mode of the VAE's posterior, its mean, not a sample: the same for an image each
    time. `uses_statistics` is as in `VaeDecoder`.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, vae: AutoencoderKL, uses_statistics: bool = False) -> None:
        super().__init__()
        self.vae = vae
        mean, std = latent_statistics(vae, uses_statistics)
        self.register_buffer("scale", vae.config.scaling_factor / std, persistent=False)
        self.register_buffer("shift", mean, persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Latents float32 `[B, C, H/8, W/8]` of images uint8 `[B, H, W, 3]`."""
        pixels = images.permute(0, 3, 1, 2).float() / 127.5 - 1
        posterior = self.vae.encode(pixels.to(self.vae.dtype), return_dict=False)[0]
        latents: Tensor = (posterior.mode().float() - self.shift) * self.scale
        return latents
