"""Trains the embedded pipeline, `assets/tiny-fashion`, on the Fashion-MNIST training split.

    python tools/train_tiny_pipeline.py --data FOLDER --compile

Stages, each resumable and skipped when its result is already under `--work`: a small classifier
whose features serve as the autoencoder's perceptual loss, the autoencoder, the latents of all
images, and text encoder and UNet together.
"""

from __future__ import annotations

import argparse
import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import cast

import torch
from diffusers import AutoencoderKL
from tiny_fashion.autoencoder import encode_all, train_autoencoder
from tiny_fashion.data import load_garments
from tiny_fashion.denoiser import noise_scheduler, train_denoiser
from tiny_fashion.settings import Settings, record
from torch import nn

from zeroreal.base import describe_environment

_INDEX = {
    "_class_name": "StableDiffusionPipeline",
    "_diffusers_version": "0.42.1",
    "feature_extractor": [None, None],
    "image_encoder": [None, None],
    "requires_safety_checker": False,
    "safety_checker": [None, None],
    "scheduler": ["diffusers", "DPMSolverMultistepScheduler"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"],
}


def save_pipeline(out: Path, work: Path, model: nn.ModuleDict) -> None:
    """Write the diffusers folder in half precision; what people wrote in `out` stays."""
    staged = out.with_name(out.name + ".new")
    shutil.rmtree(staged, ignore_errors=True)
    shutil.copytree(work / "tokenizer", staged / "tokenizer")
    AutoencoderKL.from_pretrained(work / "vae").half().save_pretrained(staged / "vae")
    cast(nn.Module, model["unet"]).half().save_pretrained(staged / "unet")
    encoder = cast(nn.Module, model["text_encoder"]).half()
    encoder.save_pretrained(staged / "text_encoder")
    # transformers takes the dtype to load in from here, diffusers loads in float32 of itself.
    _edit_config(staged / "text_encoder" / "config.json", dtype="float32")
    _edit_config(staged / "vae" / "config.json", _name_or_path=None)  # a path of this machine
    noise_scheduler().save_pretrained(staged / "scheduler")
    (staged / "model_index.json").write_text(json.dumps(_INDEX, indent=2) + "\n")
    for kept in ("README.md", "LICENSE", "samples.png"):
        if (out / kept).exists():
            shutil.copy(out / kept, staged / kept)
    shutil.rmtree(out, ignore_errors=True)
    staged.rename(out)


def _edit_config(path: Path, **changes: str | None) -> None:
    """Set fields of a configuration; `None` removes one."""
    config = json.loads(path.read_text()) | changes
    kept = {name: config[name] for name in config if name not in changes or changes[name]}
    path.write_text(json.dumps(kept, indent=2) + "\n")


def parse_arguments() -> tuple[argparse.Namespace, Settings]:
    """The command line's folders, and its settings."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder of the IDX files; downloaded without it")
    parser.add_argument("--work", type=Path, default=Path("build/tiny"), help="checkpoints")
    parser.add_argument("--out", type=Path, default=Path("assets/tiny-fashion"))
    for name, value in asdict(Settings()).items():
        option = f"--{name.replace('_', '-')}"
        if isinstance(value, bool):
            parser.add_argument(option, action=argparse.BooleanOptionalAction, default=value)
        else:
            parser.add_argument(option, type=type(value), default=value)
    arguments = parser.parse_args()
    return arguments, Settings(**{name: getattr(arguments, name) for name in asdict(Settings())})


def main() -> None:
    """Run the stages that are not done yet."""
    arguments, settings = parse_arguments()
    work: Path = arguments.work
    work.mkdir(parents=True, exist_ok=True)
    record(work, "environment", **describe_environment(torch.device(settings.device)))
    record(work, "settings", **asdict(settings))
    garments = load_garments(arguments.data, settings.held_out)
    vae = train_autoencoder(garments, settings, work)
    latents = encode_all(vae, garments, settings, work)
    save_pipeline(arguments.out, work, train_denoiser(latents, garments, settings, work))


if __name__ == "__main__":
    main()
