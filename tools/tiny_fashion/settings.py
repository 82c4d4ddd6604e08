"""What decides the result of the training, and the journal of what it cost."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

SIZE = 32
"""Side of the images in pixels; latents have a quarter of it."""
LATENT_CHANNELS = 4
STYLES_PER_IMAGE = 3
"""Each image enters as a photograph and in this many other domains, in turn over the images."""


@dataclass
class Settings:
    """Written into the journal, from which the model card takes its figures."""

    seed: int = 0
    held_out: int = 5_000
    """Images at the end of the training split that no stage sees; choices are made on them."""
    classifier_steps: int = 800
    autoencoder_steps: int = 2_500
    autoencoder_batch: int = 64
    unet_steps: int = 8_500
    unet_batch: int = 128
    unet_learning_rate: float = 8e-4
    photo_share: float = 0.5
    """Share of photographs among the training images; the rest is spread over nine domains."""
    caption_dropout: float = 0.1
    """Share of empty captions, for guidance (arXiv 2207.12598)."""
    ema_decay: float = 0.999
    checkpoint_every: int = 250
    compile: bool = False
    device: str = "cpu"


def stream(settings: Settings, stage: int, step: int) -> torch.Generator:
    """Random numbers of one step alone, so that a resumed run draws what it would have drawn."""
    return torch.Generator().manual_seed((settings.seed * 10 + stage) * 10**7 + step)


def set_learning_rate(optimizer: torch.optim.Optimizer, peak: float, step: int, steps: int) -> None:
    """Warm up over 4 % of the steps, then fall to zero by a cosine."""
    progress = (step + 1) / steps
    fall = 0.5 * (1 + math.cos(math.pi * max(0.0, progress - 0.04) / 0.96))
    for group in optimizer.param_groups:
        group["lr"] = peak * min(progress / 0.04, fall)


@dataclass
class Progress:
    """How far a stage is: next step, seconds spent on it in all runs, running mean of the loss."""

    step: int = 0
    seconds: float = 0.0
    loss: float = 0.0

    def update(self, loss: float) -> None:
        self.loss = 0.99 * self.loss + 0.01 * loss if self.step else loss
        self.step += 1


def save_checkpoint(path: Path, parts: list[Any], progress: Progress) -> None:
    """Write the states of `parts` under a temporary name, then rename."""
    state = {"parts": [part.state_dict() for part in parts], "progress": vars(progress)}
    temporary = path.with_suffix(".tmp")
    torch.save(state, temporary)
    temporary.replace(path)


def load_checkpoint(path: Path, parts: list[Any]) -> Progress:
    """Put back what `save_checkpoint` wrote; a new `Progress` if there is nothing."""
    if not path.exists():
        return Progress()
    state = torch.load(path, weights_only=True)
    for part, saved in zip(parts, state["parts"], strict=True):
        part.load_state_dict(saved)
    return Progress(**state["progress"])


def record(work: Path, stage: str, **values: Any) -> None:
    """Add a stage's figures to `figures.json`, which a resumed run goes on with."""
    path = work / "figures.json"
    figures = json.loads(path.read_text()) if path.exists() else {}
    figures[stage] = values
    path.write_text(json.dumps(figures, indent=2) + "\n")
