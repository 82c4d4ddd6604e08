"""Classifiers from timm, by name, with a stem that suits small images."""

from __future__ import annotations

import logging

import timm
import torch
from torch import Tensor, nn

from ..engine.errors import InputError, unknown

_log = logging.getLogger(__name__)

SMALL_IMAGE = 64
"""Inputs under this many pixels get the small-image stem."""
_SMALL_PATCH = 4


def create_classifier(name: str, num_classes: int, image_size: int) -> nn.Module:
    """A timm model without pre-trained weights: `[B, 3, S, S]` to logits `[B, num_classes]`.

    Stems are made for 224 pixels; under `SMALL_IMAGE` pixels they would leave next to nothing of
    the picture, so the first convolution keeps the resolution and the first pooling goes (the
    CIFAR form of arXiv 1512.03385, section 4.2); patches shrink for models that cut patches.
    """
    known = timm.list_models()
    if name not in known:
        raise unknown("classifier", name, known)
    small = image_size < SMALL_IMAGE
    model = _create(name, num_classes, image_size, small)
    if small and getattr(model, "patch_embed", None) is None:
        _shrink_stem(model)
        if _defect(model, num_classes, image_size):
            _log.warning("classifier %r has a stem that cannot be made small: kept as it is", name)
            model = _create(name, num_classes, image_size, small)
    defect = _defect(model, num_classes, image_size)
    if defect:
        raise InputError(
            f"classifier {name!r} cannot take images of {image_size} pixels ({defect}): choose "
            "another size or classifier, such as 'resnet18'"
        )
    return model


def to_channels_last(model: nn.Module, device: torch.device) -> nn.Module:
    """The model on `device`, its convolutions' weights in channels-last order."""
    return model.to(device).to(memory_format=torch.channels_last)


def _create(name: str, num_classes: int, image_size: int, small: bool) -> nn.Module:
    # Transformers must know the size; which arguments a model takes shows only on trying.
    attempts: list[dict[str, int]] = [{"img_size": image_size}, {}]
    if small:
        attempts.insert(0, {"img_size": image_size, "patch_size": _SMALL_PATCH})
    for arguments in attempts:
        try:
            model: nn.Module = timm.create_model(name, num_classes=num_classes, **arguments)
        except (TypeError, AssertionError, ValueError):
            if not arguments:
                raise
            continue
        return model
    raise AssertionError("the last attempt has no arguments")


def _shrink_stem(model: nn.Module) -> None:
    for path, module in model.named_modules():
        if isinstance(module, nn.Conv2d) and max(module.stride) > 1:
            _replace(model, path, _small_convolution(module))
            break
    for path, module in model.named_modules():
        if isinstance(module, nn.MaxPool2d):
            _replace(model, path, nn.Identity())
            break


def _small_convolution(stem: nn.Conv2d) -> nn.Conv2d:
    patches = stem.kernel_size == stem.stride
    kernel, stride, padding = (2, 2, 0) if patches else (3, 1, 1)
    return nn.Conv2d(
        stem.in_channels,
        stem.out_channels,
        kernel,
        stride=stride,
        padding=padding,
        bias=stem.bias is not None,
    )


def _replace(model: nn.Module, path: str, module: nn.Module) -> None:
    parent, _, name = path.rpartition(".")
    setattr(model.get_submodule(parent), name, module)


@torch.no_grad()
def _defect(model: nn.Module, num_classes: int, image_size: int) -> str:
    """Why the model does not turn `[B, 3, S, S]` into `[B, num_classes]`; empty if it does."""
    was_training = model.training
    try:
        logits: Tensor = model.eval()(torch.zeros(2, 3, image_size, image_size))
    except (RuntimeError, AssertionError, ValueError) as error:
        return " ".join(str(error).split())[:200]
    finally:
        model.train(was_training)
    if logits.shape != (2, num_classes):
        return f"it gives {tuple(logits.shape[1:])} instead of {num_classes} logits"
    return ""
