"""Trains the small decoder of the embedded pipeline, `assets/tiny-fashion/tiny_vae`.

    python tools/train_tiny_decoder.py --data FOLDER

It is an `AutoencoderTiny` of `diffusers`, as TAESD (https://github.com/madebyollin/taesd) is, and
learns to give what the pipeline's own decoder gives for the latents of training images. Its encoder
is a stub without training: the class has to have one.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import AutoencoderKL, AutoencoderTiny
from rich.progress import track
from tiny_fashion.data import Garments, draw_batch, load_garments
from tiny_fashion.settings import LATENT_CHANNELS, Settings, set_learning_rate, stream
from torch import Tensor

_LEARNING_RATE = 3e-3
_DRAWN_TOGETHER = 64


@dataclass(frozen=True)
class Examples:
    """Latents, and what the pipeline's decoder makes of them."""

    latents: Tensor
    """float16 `[N, 4, 8, 8]` of unit variance, as the denoiser gives them."""
    decoded: Tensor
    """float16 `[N, 3, 32, 32]` in -1..1."""


def new_decoder() -> AutoencoderTiny:
    """Latents `[B, 4, 8, 8]` to `[B, 3, 32, 32]`, 0.13 million parameters."""
    return AutoencoderTiny(
        encoder_block_out_channels=(1, 1, 1),
        num_encoder_blocks=(0, 0, 0),
        decoder_block_out_channels=(32, 32, 32),
        num_decoder_blocks=(2, 1, 1),
        latent_channels=LATENT_CHANNELS,
    )


@torch.no_grad()
def draw_examples(
    teacher: AutoencoderKL, garments: Garments, count: int, stage: int, settings: Settings
) -> Examples:
    """`count` latents of random images or a few more, drawn from the encoder's distribution."""
    latents, decoded = [], []
    for step in track(range(math.ceil(count / _DRAWN_TOGETHER)), "examples"):
        generator = stream(settings, stage, step)
        images, _, _ = draw_batch(garments, _DRAWN_TOGETHER, settings, generator)
        with torch.autocast(settings.device, torch.bfloat16):
            posterior = teacher.encode(images).latent_dist
            noise = torch.randn(posterior.mean.shape, generator=generator).to(settings.device)
            drawn = posterior.mean + posterior.std * noise
            decoded.append(teacher.decode(drawn).sample.half())
        latents.append((drawn.float() * teacher.config.scaling_factor).half())
    return Examples(torch.cat(latents), torch.cat(decoded))


def train(examples: Examples, settings: Settings, steps: int, size: int) -> AutoencoderTiny:
    """Train on the absolute and the squared distance to the images."""
    torch.manual_seed(settings.seed)
    student = new_decoder().to(settings.device, memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(student.decoder.parameters(), weight_decay=1e-4)
    for step in track(range(steps), "decoder"):
        set_learning_rate(optimizer, _LEARNING_RATE, step, steps)
        rows = torch.randint(
            len(examples.latents), (size,), generator=stream(settings, 6, step)
        ).to(settings.device)
        with torch.autocast(settings.device, torch.bfloat16):
            given = student.decode(examples.latents[rows].float()).sample
        distance = given.float() - examples.decoded[rows]
        loss = distance.abs().mean() + distance.square().mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(student.decoder.parameters(), 1.0)
        optimizer.step()
    return student


@torch.no_grad()
def peak_signal_to_noise(student: AutoencoderTiny, examples: Examples) -> float:
    """PSNR in dB of all pixels."""
    pairs = zip(examples.latents.split(256), examples.decoded.split(256), strict=True)
    errors = [(student.decode(z.float()).sample - x).square().mean() for z, x in pairs]
    return float(10 * torch.log10(4 / torch.stack(errors).mean()))  # from -1 to 1 is 2, squared


def main() -> None:
    """Train, report and save."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder of the IDX files; downloaded without it")
    parser.add_argument("--pipeline", type=Path, default=Path("assets/tiny-fashion"))
    parser.add_argument("--examples", type=int, default=32_768)
    parser.add_argument("--steps", type=int, default=4_000)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--held-out", type=int, default=Settings.held_out)
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    settings = Settings(held_out=arguments.held_out, device=arguments.device)
    garments = load_garments(arguments.data, 0)
    teacher = AutoencoderKL.from_pretrained(arguments.pipeline / "vae").requires_grad_(False)
    teacher.to(settings.device, memory_format=torch.channels_last)
    kept = len(garments) - settings.held_out
    seen = Garments(garments.images[:kept], garments.labels[:kept])
    held_out = Garments(garments.images[kept:], garments.labels[kept:])
    started = time.perf_counter()
    examples = draw_examples(teacher, seen, arguments.examples, 5, settings)
    student = train(examples, settings, arguments.steps, arguments.batch)
    seconds = time.perf_counter() - started
    unseen = draw_examples(teacher, held_out, arguments.examples // 16, 7, settings)
    decibels = peak_signal_to_noise(student, unseen)
    print(json.dumps({"seconds": round(seconds), "psnr_db": round(decibels, 2)}))
    out = arguments.pipeline / "tiny_vae"
    student.half().save_pretrained(out)
    _drop_from_config(out / "config.json", "block_out_channels")  # diffusers warns of it on loading


def _drop_from_config(path: Path, name: str) -> None:
    config = json.loads(path.read_text())
    del config[name]
    path.write_text(json.dumps(config, indent=2) + "\n")


if __name__ == "__main__":
    main()
