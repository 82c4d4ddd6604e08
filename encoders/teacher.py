"""Soft labels from a CLIP teacher: what a zero-shot classifier makes of the generated images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import torch
import torch.nn.functional as F
from pydantic import Field, PositiveFloat
from torch import Tensor

from ..base.errors import InputError
from ..base.foreign import ForeignValues, check_values
from ..export.model.checked_load import load_checked
from ..export.model.components import check_special_tokens
from ..export.model.configuration import check_clip
from ..export.model.json_files import read_json
from ..export.model.model_folder import check_weights, find_folder

TEMPLATES = ("a photo of a {}.",)
_BATCH = 256


class _Statistics(ForeignValues):
    """What images are normalised by, each for red, green and blue."""

    image_mean: Annotated[tuple[float, float, float], Field(strict=False)]
    image_std: Annotated[tuple[PositiveFloat, PositiveFloat, PositiveFloat], Field(strict=False)]


class ClipTeacher:
    """A CLIP model (arXiv 2103.00020) that classifies images by their likeness to class names.

    Args:
        name: a folder with a CLIP model that transformers saved, or its hub id.
        classes: what each class is called in the templates.
        device: where to compute: in float16 on a GPU, in float32 elsewhere.
        templates: sentences with `{}` in the class's place; a class is their mean embedding.

    Raises:
        InputError: for a folder that does not exist, is damaged or holds no CLIP model, and for a
            template without `{}`.
    """

    def __init__(
        self,
        name: str | Path,
        classes: Sequence[str],
        device: torch.device,
        templates: Sequence[str] = TEMPLATES,
    ) -> None:
        for template in templates:
            if "{}" not in template:
                raise InputError(
                    f"template {template!r} has no place for the class: put {{}} there"
                )
        self._device = device
        self._model, tokenizer, processor = _load(name, device)
        self._side = self._model.config.vision_config.image_size
        statistics = torch.tensor([processor.image_mean, processor.image_std], device=device)
        self._mean, self._std = statistics[:, :, None, None]  # [3, 1, 1]
        each = [
            self._embed_texts([template.replace("{}", called) for called in classes], tokenizer)
            for template in templates
        ]
        text = F.normalize(torch.stack(each).mean(0), dim=1)
        self._weights = (self._model.logit_scale.exp() * text).detach()  # [K, D]

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        """Probabilities of the classes, float32 `[B, K]`, for images uint8 `[B, S, S, 3]`.

        Both are on the teacher's device.
        """
        parts = [self._embed_images(part) @ self._weights.T for part in images.split(_BATCH)]
        return torch.cat(parts).softmax(1)

    def _embed_images(self, images: Tensor) -> Tensor:
        """Unit vectors `[B, D]`, float32."""
        pixels = images.permute(0, 3, 1, 2).float()
        size = (self._side, self._side)
        pixels = F.interpolate(pixels, size, mode="bicubic", antialias=True).round().clamp(0, 255)
        pixels = ((pixels / 255 - self._mean) / self._std).to(self._model.dtype)
        pooled = self._model.vision_model(pixel_values=pixels).pooler_output
        return F.normalize(self._model.visual_projection(pooled).float(), dim=1)

    @torch.no_grad()
    def _embed_texts(self, texts: Sequence[str], tokenizer: Any) -> Tensor:
        """Unit vectors `[len(texts), D]`, float32."""
        longest = self._model.config.text_config.max_position_embeddings
        tokens = tokenizer(
            texts, padding=True, truncation=True, max_length=longest, return_tensors="pt"
        )
        parts = tokens.input_ids.to(self._device).split(_BATCH)
        pooled = torch.cat([self._model.text_model(input_ids=part).pooler_output for part in parts])
        return F.normalize(self._model.text_projection(pooled).float(), dim=1)


def _load(name: str | Path, device: torch.device) -> tuple[Any, Any, Any]:
    """The model in eval mode, its tokenizer and its image processor."""
    from transformers import AutoImageProcessor, AutoTokenizer, CLIPModel

    folder = find_folder(name, "CLIP teacher", "to train on hard labels alone")
    config = folder / "config.json"
    kind = read_json(config).get("model_type") if config.is_file() else None
    if kind != "clip":
        raise InputError(
            f"CLIP teacher {str(name)!r} is not a CLIP model (its model type is {kind!r}): give "
            "one that transformers saved, such as 'openai/clip-vit-base-patch32'"
        )
    check_clip(config, read_json(config))
    check_weights(folder)
    # Without these files, transformers makes an empty tokenizer and says nothing.
    if not any((folder / file).is_file() for file in ("tokenizer.json", "vocab.json")):
        raise InputError(f"CLIP teacher {str(name)!r} has no tokenizer: copy its folder whole")
    dtype = torch.float16 if device.type == "cuda" else torch.float32
    try:
        model = load_checked(CLIPModel, folder, dtype=dtype)
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
        known = model.config.text_config.vocab_size
        check_special_tokens(tokenizer, known, f"the tokenizer of CLIP teacher {str(name)!r}")
        processor = AutoImageProcessor.from_pretrained(folder, trust_remote_code=False)
    except InputError:
        raise
    except Exception as error:  # the library raises many kinds
        reason = " ".join(str(error).split())[:300]
        raise InputError(
            f"CLIP teacher {str(name)!r} cannot be loaded ({reason}): copy its folder whole"
        ) from None
    check_values(
        _Statistics,
        {"image_mean": processor.image_mean, "image_std": processor.image_std},
        f"model file {str(folder / 'preprocessor_config.json')!r}",
        "copy it again",
    )
    return model.to(device).eval().requires_grad_(False), tokenizer, processor
