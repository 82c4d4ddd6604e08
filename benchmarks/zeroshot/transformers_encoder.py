"""The peer: a dual encoder of `transformers`, as its documentation has it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ...base import InputError
from ...encoders.transformers_folder import CONFIG, FAMILIES
from ...export.model.json_files import read_json


class TransformersEncoder:
    """Model, tokenizer and image processor of a folder, in the precision that ours computes in.

    Args:
        folder: what `transformers` saved.
        device: where it runs.
        texts: of the classes.

    Raises `InputError` for a folder of another library.
    """

    def __init__(self, folder: Path, device: torch.device, texts: Sequence[str]) -> None:
        import transformers

        if not (folder / CONFIG).is_file():
            raise InputError(
                f"encoder folder {str(folder)!r} has no {CONFIG}, of transformers: measure ours "
                "without it"
            )
        self._device, self.batch_size = device, 1
        dtype = torch.float16 if device.type == "cuda" else torch.float32
        self._model: Any = transformers.AutoModel.from_pretrained(
            folder, dtype=dtype, trust_remote_code=False, local_files_only=True
        )
        self._model.to(device).eval()
        # Version 4 takes Pillow's processor unless it is asked for that of tensors.
        old = {"use_fast": True} if transformers.__version__.startswith("4.") else {}
        self._processor: Any = transformers.AutoImageProcessor.from_pretrained(
            folder, trust_remote_code=False, local_files_only=True, **old
        )
        tokenizer: Any = transformers.AutoTokenizer.from_pretrained(
            folder, trust_remote_code=False, local_files_only=True
        )
        family = FAMILIES[read_json(folder / CONFIG)["model_type"]]
        tokens = tokenizer(
            list(texts),
            padding="max_length" if family.is_padded else True,
            truncation=True,
            max_length=family.most_tokens or self._model.config.text_config.max_position_embeddings,
            return_tensors="pt",
        )
        with torch.inference_mode():
            self._texts = _unit(self._model.get_text_features(**tokens.to(device)))

    @torch.inference_mode()
    def logits(self, images: Tensor) -> Tensor:
        """Cosines `[N, K]` of images uint8 `[N, H, W, 3]` with the texts."""
        parts = images.permute(0, 3, 1, 2).split(self.batch_size)
        return torch.cat([self._embedded(part) for part in parts]) @ self._texts.T

    def _embedded(self, images: Tensor) -> Tensor:
        inputs = self._processor(images=images, return_tensors="pt").to(self._device)
        inputs["pixel_values"] = inputs["pixel_values"].to(self._model.dtype)
        return _unit(self._model.get_image_features(**inputs))


def _unit(features: Any) -> Tensor:
    """Unit vectors; older versions of the library give the features bare."""
    vectors = features if isinstance(features, Tensor) else features.pooler_output
    return F.normalize(vectors.float(), dim=1)
