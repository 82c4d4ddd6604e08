"""Floating-point operations of a model, counted on shapes alone: 2 a multiplication with addition.

`torch.utils.flop_counter` counts matrix products, convolutions and attention, the rest is little.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode


@dataclass(frozen=True)
class ModelFlops:
    """FLOP of each part of a text-to-image model, at one size of images."""

    text: int
    """Of encoding one prompt."""
    unet_row: int
    """Of one row of the UNet's batch in one step."""
    vae_decoder: int
    """Of decoding one image."""

    def per_image(self, unet_calls: int, guided: bool) -> int:
        """Of an image; guidance doubles the rows, and takes a negative prompt."""
        rows = 2 if guided else 1
        return rows * (self.text + unet_calls * self.unet_row) + self.vae_decoder


@dataclass(frozen=True)
class Part:
    """A part of a model that has shapes and no values, and a call of it with a batch of 1."""

    modules: tuple[torch.nn.Module, ...]
    forward: Callable[[], object]


def count_flops(folder: Path, generate_size: tuple[int, int]) -> ModelFlops:
    """Count from the configurations in a model folder; weights are not read."""
    with parts_of(folder, generate_size) as parts:
        return ModelFlops(**{name: forward_flops(part.forward) for name, part in parts.items()})


@contextmanager
def parts_of(folder: Path, generate_size: tuple[int, int]) -> Iterator[dict[str, Part]]:
    """The parts by the names of `ModelFlops`, in float32, to be called inside."""
    import transformers
    from diffusers import AutoencoderKL, UNet2DConditionModel

    encoders = [part for part in ("text_encoder", "text_encoder_2") if (folder / part).is_dir()]
    configs = [transformers.CLIPTextConfig.from_pretrained(folder / part) for part in encoders]
    with torch.device("meta"):
        unet, vae = (
            kind.from_config(kind.load_config(folder, subfolder=part))
            for kind, part in ((UNet2DConditionModel, "unet"), (AutoencoderKL, "vae"))
        )
        texts = tuple(transformers.CLIPTextModel(config) for config in configs)
        scale = 2 ** (len(vae.config.block_out_channels) - 1)
        height, width = (side // scale for side in generate_size)
        tokens = torch.zeros(1, configs[0].max_position_embeddings, dtype=torch.int64)
        latents = torch.zeros(1, unet.config.in_channels, height, width)
        embeddings = torch.zeros(*tokens.shape, unet.config.cross_attention_dim)
        added = {  # SDXL's
            "time_ids": torch.zeros(1, 6),
            "text_embeds": torch.zeros(1, configs[-1].projection_dim),
        }
        step = partial(unet, latents, torch.zeros(1), embeddings, added_cond_kwargs=added)
        yield {
            "text": Part(texts, lambda: [encoder(tokens) for encoder in texts]),
            "unet_row": Part((unet,), step),
            "vae_decoder": Part((vae,), partial(vae.decode, latents)),
        }


def forward_flops(forward: Callable[[], object]) -> int:
    """FLOP of what `forward` computes; tensors on the meta device will do."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        forward()
    return int(counter.get_total_flops())
