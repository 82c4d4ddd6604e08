"""Dual encoders from folders that `open_clip` saved, with its own image processing."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from math import prod
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..base.errors import InputError
from ..export.model.json_files import read_json
from ..export.model.model_folder import check_texts, weight_files
from ..export.model.safetensors_header import read_header
from .dual_encoder import Towers
from .image_encoder import ImageEncoder
from .open_clip_values import check_open_clip

CONFIG = "open_clip_config.json"
_WEIGHTS = ("open_clip_model.safetensors", "open_clip_pytorch_model.safetensors")
_TO_TENSOR = ("MaybeConvertMode", "MaybeToTensor", "ToTensor", "_convert_to_rgb")


def load_towers(folder: Path, device: torch.device) -> Towers:
    """The model in `folder`, in float16 on a GPU and in float32 elsewhere.

    Raises `InputError` without the library, for a model that it would fetch parts of from the
    network, without tokenizer, or whose weights are pickle or not all there; besides whatever the
    library raises.
    """
    open_clip = open_clip_library()
    text = check_open_clip(folder / CONFIG, read_json(folder / CONFIG))
    check_texts(folder)
    if text.hf_tokenizer_name and not any(folder.glob("tokenizer*.json")):
        raise InputError(f"encoder folder {str(folder)!r} has no tokenizer: copy it whole")
    weights = _weights(folder)
    precision = "fp16" if device.type == "cuda" else "fp32"
    name = f"local-dir:{folder}"
    with _silent():
        model = open_clip.create_model(
            name, load_weights=False, pretrained_text=False, precision=precision, device=device
        )
        _check_shapes(model, weights)
        open_clip.load_checkpoint(model, str(weights), strict=True)
        tokenizer = open_clip.get_tokenizer(name)
    model.eval().requires_grad_(False)
    process = _processing(open_clip, model, folder)
    dtype = torch.float16 if precision == "fp16" else torch.float32
    bias = getattr(model, "logit_bias", None)
    return Towers(
        "open_clip, " + type(model).__name__,
        ImageEncoder(
            lambda images: {"pixel_values": process(images).to(dtype)}, _ImageNetwork(model)
        ),
        lambda texts: model.encode_text(tokenizer(list(texts)).to(device)),
        partial(_count_tokens, tokenizer),
        tokenizer.context_length,
        process(torch.zeros(1, 3, 64, 64, dtype=torch.uint8)).shape[-1],
        float(model.logit_scale.float().exp()),
        0.0 if bias is None else float(bias),
        dtype,
        bias is not None,
    )


class _ImageNetwork(nn.Module):
    """What of a model embeds images: the same weights, without the text encoder."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model: Any = copy.copy(model)
        self.model._modules = {"visual": model.visual}
        self.model._parameters = {}

    def forward(self, pixel_values: Tensor) -> Tensor:
        """Vectors `[N, D]` of processed images."""
        vectors: Tensor = self.model.encode_image(pixel_values)
        return vectors


def open_clip_library() -> Any:
    """The module; `InputError` where it is not installed."""
    try:
        import open_clip
    except ImportError as error:
        raise InputError(
            f"open_clip cannot be imported ({error}): pip install 'zeroreal[encoders]'"
        ) from None
    return open_clip


def _weights(folder: Path) -> Path:
    """The one safetensors file that the model is in."""
    files = weight_files(folder)
    named = [path for path in files if path.name in _WEIGHTS]
    if len(named or files) > 1:
        raise InputError(
            f"encoder folder {str(folder)!r} has several safetensors files, and none is called "
            f"{_WEIGHTS[0]}: rename the right one"
        )
    return (named or files)[0]


def _check_shapes(model: Any, weights: Path) -> None:
    """Raise `InputError` for tensors that the library would resize or fill in by itself."""
    stored, file = read_header(weights).shapes, f"model file {str(weights)!r}"
    for name, tensor in model.state_dict().items():
        if name in stored and prod(stored[name]) != tensor.numel():
            raise InputError(
                f"{file} has {name!r} of shape {list(stored[name])}, {CONFIG} asks for "
                f"{list(tensor.shape)}: copy both again"
            )
    if getattr(model, "logit_bias", None) is not None and "logit_bias" not in stored:
        raise InputError(f"{file} lacks 'logit_bias', which {CONFIG} asks for: copy both again")


def _processing(open_clip: Any, model: Any, folder: Path) -> Callable[[Tensor], Tensor]:
    """What the library's transforms do with a picture, for uint8 `[N, 3, H, W]` on any device.

    Raises `InputError` for one that takes pictures of Pillow only.
    """
    from torchvision.transforms import CenterCrop, Normalize, Resize, v2

    configuration = open_clip.transform.PreprocessCfg(**model.visual.preprocess_cfg)
    of_pixels, normalise = [], []
    for step in open_clip.transform.image_transform_v2(configuration, is_train=False).transforms:
        name = getattr(step, "__name__", type(step).__name__)
        if isinstance(step, Resize):  # as Pillow does, where the device is a CPU
            of_pixels.append(v2.Resize(step.size, step.interpolation, step.max_size))
        elif isinstance(step, CenterCrop):
            of_pixels.append(step)
        elif isinstance(step, Normalize):
            normalise.append(step)
        elif name not in _TO_TENSOR:
            raise InputError(
                f"encoder folder {str(folder)!r} processes images by {name}, which takes one "
                "picture at a time: give another encoder"
            )

    def process(images: Tensor) -> Tensor:
        for step in of_pixels:
            images = step(images)
        pixels = images.float() / 255
        for step in normalise:
            pixels = step(pixels)
        return pixels

    return process


def _count_tokens(tokenizer: Any, texts: Sequence[str]) -> list[int]:
    if hasattr(tokenizer, "encode"):  # the library's own, of CLIP
        return [len(tokenizer.encode(text)) + 2 for text in texts]
    cleaned = [tokenizer.clean_fn(text) for text in texts]
    return [len(ids) for ids in tokenizer.tokenizer(cleaned, verbose=False).input_ids]


@contextmanager
def _silent() -> Iterator[None]:
    """Inside, nothing is written by the root logger, to which the library tells what it does."""
    root, handler = logging.getLogger(), logging.NullHandler()
    root.addHandler(handler)  # or it would get one that writes
    disabled, root.disabled = root.disabled, True
    try:
        yield
    finally:
        root.disabled = disabled
        root.removeHandler(handler)
