"""Classifiers from timm, by name, with a stem that suits small images."""

from __future__ import annotations

import contextlib
import logging
from dataclasses import dataclass

import timm
import torch
from torch import Tensor, nn

from ...base.errors import InputError, unknown
from ..settings import TrainSettings

_log = logging.getLogger(__name__)

LEAST_PATCHES = 7
"""Least patches along a side: those of ViT-B/32 at 224 pixels, the fewest published."""

_Reducing = nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d
_UNSUITED = (RuntimeError, AssertionError, ValueError, TypeError)


def create_classifier(
    name: str, num_classes: int, image_size: int, least_map: int = TrainSettings.least_map
) -> nn.Module:
    """A timm model without pre-trained weights: `[B, 3, S, S]` to logits `[B, num_classes]`.

    Models are made for 224 pixels and halve the resolution five times, which leaves one pixel of
    32. For small images the first halvings go, until `least_map` pixels a side are left at the
    end: for 2, one of them at 32 pixels, none from 64 on; for 4, two at 32 pixels, which gives
    ResNet its CIFAR form (arXiv 1512.03385, section 4.2). Models that cut patches cut smaller ones,
    until there are `LEAST_PATCHES` along a side.
    """
    known = timm.list_models()
    if name not in known:
        raise unknown("classifier", name, known)
    model = _create(name, num_classes, image_size)
    arguments = _small_patches(model, image_size)
    if arguments:
        try:
            model = _create(name, num_classes, image_size, **arguments)
        except _UNSUITED:
            arguments = {}
    if _shrink_stem(model, image_size, least_map) and _defect(model, num_classes, image_size):
        _log.warning("classifier %r has a stem that cannot be made small: kept as it is", name)
        model = _create(name, num_classes, image_size, **arguments)
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


def _create(name: str, num_classes: int, image_size: int, **arguments: int) -> nn.Module:
    # Transformers must know the size; whether a model takes it shows only on trying.
    with contextlib.suppress(*_UNSUITED):
        sized: nn.Module = timm.create_model(
            name, num_classes=num_classes, img_size=image_size, **arguments
        )
        return sized
    model: nn.Module = timm.create_model(name, num_classes=num_classes, **arguments)
    return model


def _small_patches(model: nn.Module, image_size: int) -> dict[str, int]:
    """The argument that makes patches small enough; empty if they are, or if there are none."""
    sizes = (getattr(module, "patch_size", None) for module in model.children())
    published = next((size for size in sizes if size is not None), 1)
    patch = largest = published if isinstance(published, int) else max(published)
    while patch > 1 and image_size // patch < LEAST_PATCHES:
        patch //= 2
    return {"patch_size": patch} if patch < largest else {}


@dataclass(frozen=True)
class _Reduction:
    """A convolution or pooling that gives a smaller map than it takes."""

    path: str
    module: _Reducing
    before: int
    """Side of the map that it takes."""
    after: int
    """Side of the map that it gives."""


def _shrink_stem(model: nn.Module, image_size: int, least_map: int) -> bool:
    """Take out the first halvings while the smallest map is too small; whether there were any."""
    changed = False
    while reductions := _reductions(model, image_size):
        if min(reduction.after for reduction in reductions) >= least_map:
            break
        for reduction in reductions:
            # Branches beside each other reduce the same map.
            if reduction.before == reductions[0].before:
                _replace(model, reduction.path, _finer(reduction.module))
        changed = True
    return changed


def _reductions(model: nn.Module, image_size: int) -> list[_Reduction]:
    """The strided convolutions and poolings that an image meets, in order."""
    found: list[_Reduction] = []
    handles = []
    for path, module in model.named_modules():
        if isinstance(module, _Reducing) and _stride(module) > 1:

            def note(
                module: _Reducing, inputs: tuple[Tensor], output: Tensor, path: str = path
            ) -> None:
                before, after = inputs[0].shape[-1], output.shape[-1]
                if after < before:
                    found.append(_Reduction(path, module, before, after))

            handles.append(module.register_forward_hook(note))
    # A map that has become too small stops some models: what came before it counts.
    with contextlib.suppress(*_UNSUITED):
        _forward(model, image_size)
    for handle in handles:
        handle.remove()
    return found


def _stride(module: _Reducing) -> int:
    stride = module.stride
    return stride if isinstance(stride, int) else max(stride)


def _finer(module: _Reducing) -> nn.Module:
    """What replaces a strided convolution or pooling, to halve once less."""
    if not isinstance(module, nn.Conv2d):
        return nn.Identity()
    stride = _stride(module) // 2
    if stride == 1 and module.in_channels == 3 and module.kernel_size not in ((1, 1), (3, 3)):
        kernel, padding = 3, 1
    elif module.kernel_size == module.stride:
        kernel, padding = stride, 0
    else:
        module.stride = (stride, stride)
        return module
    return nn.Conv2d(
        module.in_channels,
        module.out_channels,
        kernel,
        stride=stride,
        padding=padding,
        groups=module.groups,
        bias=module.bias is not None,
    )


def _replace(model: nn.Module, path: str, module: nn.Module) -> None:
    parent, _, name = path.rpartition(".")
    setattr(model.get_submodule(parent), name, module)


def _defect(model: nn.Module, num_classes: int, image_size: int) -> str:
    """Why the model does not turn `[B, 3, S, S]` into `[B, num_classes]`; empty if it does."""
    try:
        logits = _forward(model, image_size)
    except _UNSUITED as error:
        return " ".join(str(error).split())[:200]
    if logits.shape != (1, num_classes):
        return f"it gives {tuple(logits.shape[1:])} instead of {num_classes} logits"
    return ""


@torch.no_grad()
def _forward(model: nn.Module, image_size: int) -> Tensor:
    was_training = model.training
    try:
        logits: Tensor = model.eval()(torch.zeros(1, 3, image_size, image_size))
        return logits
    finally:
        model.train(was_training)
