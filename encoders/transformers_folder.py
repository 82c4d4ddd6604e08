"""Dual encoders from folders that `transformers` saved, with its own image processing."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..base.errors import InputError, unknown
from ..export.model.checked_load import load_checked, no_loading_bar
from ..export.model.components import check_special_tokens
from ..export.model.configuration import check_dual_encoder
from ..export.model.json_files import read_json
from ..export.model.model_folder import check_weights
from .dual_encoder import Towers
from .image_encoder import ImageEncoder

CONFIG = "config.json"
SIGLIP = "siglip"
_SIGLIP_TOKENIZER = "SiglipTokenizer"
_TOKENIZERS = ("tokenizer.json", "vocab.json", "vocab.txt", "spiece.model", "tokenizer.model")
_LANCZOS = 1  # Pillow's number


@dataclass(frozen=True)
class Family:
    """Models of one type in their configurations."""

    model: str
    """The class in `transformers`."""
    is_padded: bool = False
    """Whether texts are filled up to the full length, as in training: padding is attended to."""
    most_tokens: int | None = None
    """Of a text, where the positions are more than training used."""


FAMILIES = {
    "clip": Family("CLIPModel"),  # and MetaCLIP 1
    "metaclip_2": Family("MetaClip2Model"),
    SIGLIP: Family("SiglipModel", is_padded=True),  # and SigLIP 2 of fixed resolution
    "siglip2": Family("Siglip2Model", is_padded=True),
    "align": Family("AlignModel", is_padded=True, most_tokens=64),
    "altclip": Family("AltCLIPModel"),
    "chinese_clip": Family("ChineseCLIPModel"),
}


def load_towers(folder: Path, device: torch.device) -> Towers:
    """The model in `folder`, in float16 on a GPU and in float32 elsewhere.

    Raises `InputError` for a model of another kind, without tokenizer, or whose weights are pickle;
    besides whatever the library raises.
    """
    content = read_json(folder / CONFIG)
    kind = content.get("model_type")
    if kind not in FAMILIES:
        raise unknown(f"model type in {str(folder / CONFIG)!r} of a dual encoder", kind, FAMILIES)
    check_dual_encoder(folder / CONFIG, content)
    check_weights(folder)
    # Without these files, transformers makes an empty tokenizer and says nothing.
    if not any((folder / file).is_file() for file in _TOKENIZERS):
        raise InputError(f"encoder folder {str(folder)!r} has no tokenizer: copy it whole")
    _check_tokenizer(folder)
    return _TransformersModel(folder, FAMILIES[kind], device).towers(kind)


def sentencepiece_reasons() -> tuple[str, ...]:
    """Why SigLIP's own tokenizer, which takes this library, cannot serve here."""
    if find_spec("sentencepiece") is not None:
        return ()
    return ("sentencepiece is not installed: pip install 'zeroreal[encoders]'",)


def _check_tokenizer(folder: Path) -> None:
    """Raise `InputError` for one that would be replaced by another that splits texts otherwise."""
    path = folder / "tokenizer_config.json"
    kind = read_json(path).get("tokenizer_class") if path.is_file() else None
    if kind == _SIGLIP_TOKENIZER and (reasons := sentencepiece_reasons()):
        raise InputError(f"encoder folder {str(folder)!r} has SigLIP's tokenizer, and {reasons[0]}")


class _ImageNetwork(nn.Module):
    """What of a model embeds images: the same weights, without the text encoder."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model: Any = copy.copy(model)
        self.model._modules = {
            name: part for name, part in model._modules.items() if not name.startswith("text")
        }

    def forward(self, pixel_values: Tensor, **others: Tensor) -> Tensor:
        """Vectors `[N, D]` of what the image processor gives."""
        return _pooled(self.model.get_image_features(pixel_values=pixel_values, **others))


class _TransformersModel:
    """A model with its tokenizer and image processor."""

    def __init__(self, folder: Path, family: Family, device: torch.device) -> None:
        import transformers

        dtype = torch.float16 if device.type == "cuda" else torch.float32
        with no_loading_bar():
            model = load_checked(getattr(transformers, family.model), folder, dtype=dtype)
        self._model = model.to(device).eval().requires_grad_(False)
        self._device, self._family = device, family
        self._tokenizer = transformers.AutoTokenizer.from_pretrained(
            folder, trust_remote_code=False, local_files_only=True
        )
        text = self._model.config.text_config
        where = f"the tokenizer in encoder folder {str(folder)!r}"
        check_special_tokens(self._tokenizer, text.vocab_size, where)
        self._most_tokens = _most_tokens(family, text, self._tokenizer)
        self._processor = _image_processor(folder, device)

    def towers(self, kind: str) -> Towers:
        """What it does, for a `DualEncoder`."""
        model = self._model
        with torch.no_grad():
            if kind == "align":
                scale = 1 / float(model.temperature)
            else:
                scale = float(model.logit_scale.float().exp())
        is_sigmoid = hasattr(model, "logit_bias")
        return Towers(
            kind,
            ImageEncoder(self._inputs, _ImageNetwork(model)),
            self._embed_texts,
            self._count_tokens,
            self._most_tokens,
            self._image_size(),
            scale,
            float(model.logit_bias) if is_sigmoid else 0.0,
            model.dtype,
            is_sigmoid,
        )

    def _inputs(self, images: Tensor) -> dict[str, Tensor]:
        inputs = self._processed(images)
        return {**inputs, "pixel_values": inputs["pixel_values"].to(self._model.dtype)}

    def _processed(self, images: Tensor) -> dict[str, Tensor]:
        # Grouped, or images on the CPU are resized one at a time.
        inputs = self._processor(
            images=images,
            input_data_format="channels_first",
            disable_grouping=False,
            return_tensors="pt",
        )
        return {name: value.to(self._device) for name, value in inputs.items()}

    def _embed_texts(self, texts: Sequence[str]) -> Tensor:
        tokens = self._tokenizer(
            list(texts),
            padding="max_length" if self._family.is_padded else True,
            truncation=True,
            max_length=self._most_tokens,
            return_tensors="pt",
        )
        return _pooled(self._model.get_text_features(**tokens.to(self._device)))

    def _count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(ids) for ids in self._tokenizer(list(texts), verbose=False).input_ids]

    def _image_size(self) -> int:
        """Side of what the processor makes of a square image; of patches, where it makes these."""
        blank = torch.zeros(1, 3, 64, 64, dtype=torch.uint8, device=self._device)
        inputs = self._processed(blank)
        if "spatial_shapes" in inputs:
            return int(inputs["spatial_shapes"][0, 0]) * int(self._processor.patch_size)
        return int(inputs["pixel_values"].shape[-1])


def _pooled(features: Any) -> Tensor:
    """The vectors `[N, D]`; older versions of the library return them bare."""
    pooled: Tensor = features if isinstance(features, Tensor) else features.pooler_output
    return pooled


def _most_tokens(family: Family, text: Any, tokenizer: Any) -> int:
    """Most tokens of a text, which is also what shorter ones are filled up to."""
    positions = text.max_position_embeddings
    if text.model_type == "altclip_text_model":  # as RoBERTa's, begin behind that of the padding
        positions -= text.pad_token_id + 1
    most: int = min(positions, tokenizer.model_max_length, family.most_tokens or positions)
    return most


def _image_processor(folder: Path, device: torch.device) -> Any:
    """The library's own for tensors; `InputError` where it has none or cannot serve the device."""
    import transformers

    is_old = int(transformers.__version__.partition(".")[0]) < 5
    how = {"use_fast": True} if is_old else {}
    processor: Any = transformers.AutoImageProcessor.from_pretrained(
        folder, trust_remote_code=False, local_files_only=True, **how
    )
    name = type(processor).__name__
    if getattr(processor, "backend", None) != "torchvision" and not name.endswith("Fast"):
        raise InputError(
            f"encoder folder {str(folder)!r} wants {name}, which processes no tensors: give "
            "another encoder"
        )
    if processor.resample == _LANCZOS and device.type != "cpu":
        raise InputError(
            f"encoder folder {str(folder)!r} resizes by Lanczos' filter, which the library has on "
            "the CPU only: choose --device cpu"
        )
    return processor
