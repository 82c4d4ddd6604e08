"""Models of a named architecture with random weights: speed does not depend on the values."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ...assets import TINY_FASHION
from ...base.errors import unknown
from ...base.yaml_files import load_yaml
from .json_files import write_json

TOKENS = 77
_ARCHITECTURES = Path(__file__).with_name("architectures")
# What the published models share.
VOCABULARY = 49408
_SCHEDULE = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1000,
    "steps_offset": 1,
    "clip_sample": False,
}
_VAE = {
    "block_out_channels": [128, 256, 512, 512],
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "up_block_types": ["UpDecoderBlock2D"] * 4,
    "layers_per_block": 2,
    "latent_channels": 4,
}

Architecture = dict[str, Any]


def architectures() -> list[str]:
    """Names of the architectures that `architecture` knows."""
    return sorted(path.stem for path in _ARCHITECTURES.glob("*.yaml"))


def architecture(name: str) -> Architecture:
    """The configuration of each part of an architecture, by the part's folder name."""
    if name not in architectures():
        raise unknown("architecture", name, architectures())
    content: Architecture = load_yaml(
        _ARCHITECTURES / f"{name}.yaml", "architecture", "install again"
    )
    if "like" not in content:
        return content
    merged = architecture(content.pop("like"))
    for part, value in content.items():
        replaces = part == "scheduler" or not isinstance(value, dict)
        merged[part] = value if replaces else {**merged[part], **value}
    return merged


@contextmanager
def random_model(name: str) -> Iterator[Path]:
    """A temporary folder with a model of the architecture called `name`."""
    description = architecture(name)
    with tempfile.TemporaryDirectory(prefix="zeroreal-") as folder:
        write_random_model(description, Path(folder))
        yield Path(folder)


def write_random_model(
    description: Architecture, folder: Path, dtype: torch.dtype = torch.float16, seed: int = 0
) -> None:
    """Write a diffusers folder of the architecture, with random weights, into `folder`.

    Weights are normal with variance 1 over the inputs of a layer, biases 0, normalisation weights
    1. The tokenizer is the embedded model's: its few words have ids that every vocabulary holds.
    """
    torch.manual_seed(seed)
    modules = bare_modules(description)
    for part in tuple(modules):
        _fill(modules.pop(part), dtype).save_pretrained(folder / part)
        if part.startswith("text_encoder"):
            _write_tokenizer(folder / part.replace("text_encoder", "tokenizer"))
    write_json(
        folder / "scheduler" / "scheduler_config.json", {**_SCHEDULE, **description["scheduler"]}
    )
    write_index(description, folder)


def bare_modules(description: Architecture) -> dict[str, Any]:
    """The modules of an architecture by their folders' names, without memory for weights."""
    import transformers
    from diffusers import AutoencoderKL, UNet2DConditionModel

    modules: dict[str, Any] = {}
    with torch.device("meta"):
        for part, name in _encoder_classes(description).items():
            settings = {"max_position_embeddings": TOKENS, "vocab_size": VOCABULARY}
            config = {**settings, "eos_token_id": 2, **description[part]}
            kind = getattr(transformers, name)
            modules[part] = kind(transformers.CLIPTextConfig(**config))
        modules["unet"] = UNet2DConditionModel.from_config(description["unet"])
        modules["vae"] = AutoencoderKL.from_config({**_VAE, **description["vae"]})
    return modules


def _encoder_classes(description: Architecture) -> dict[str, str]:
    encoders = [part for part in description if part.startswith("text_encoder")]
    classes = dict.fromkeys(encoders, "CLIPTextModel")
    if len(encoders) > 1:
        classes[encoders[-1]] = "CLIPTextModelWithProjection"
    return classes


def _fill(module: nn.Module, dtype: torch.dtype) -> Any:
    module.to(dtype).to_empty(device="cpu")
    for name, values in (*module.named_parameters(), *module.named_buffers()):
        with torch.no_grad():
            if values.dim() > 1 and values.is_floating_point():
                values.normal_(std=(values[0].numel()) ** -0.5)
            elif name.endswith("position_ids"):
                values.copy_(torch.arange(values.numel()).view_as(values))
            else:
                values.fill_(1 if name.endswith("weight") else 0)
    return module


def _write_tokenizer(folder: Path) -> None:
    from transformers import CLIPTokenizer

    tokenizer = CLIPTokenizer.from_pretrained(
        TINY_FASHION, subfolder="tokenizer", model_max_length=TOKENS
    )
    tokenizer.save_pretrained(folder)


def write_index(description: Architecture, folder: Path) -> None:
    """Write the `model_index.json` of an architecture."""
    encoders = _encoder_classes(description)
    tokenizers = [part.replace("text_encoder", "tokenizer") for part in encoders]
    index = {
        "_class_name": description["pipeline"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
        "scheduler": ["diffusers", description["scheduler"]["_class_name"]],
        **{part: ["transformers", name] for part, name in encoders.items()},
        **{part: ["transformers", "CLIPTokenizer"] for part in tokenizers},
    }
    if len(encoders) > 1:
        index["force_zeros_for_empty_prompt"] = True
    else:
        absent = ("safety_checker", "feature_extractor", "image_encoder")
        index |= {part: [None, None] for part in absent}
    write_json(folder / "model_index.json", index)
