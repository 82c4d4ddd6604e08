"""Selecting the images that a run trains on, once all of them are there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ...base.errors import InputError
from ...base.ranks import agreed
from ...base.transfer import to_device
from ...encoders import DualEncoder, embed_in_blocks, load_encoder
from ...generate import SamplePlan, SampleSpec
from ...train import ImagePool
from ...train.settings import PoolSettings
from ..parts import Parts
from ..settings import RunSettings
from .choose import check_counts, chosen
from .figures import KeptOf, SelectionFigures, counted
from .settings import SelectionSettings

_BLOCK = 256
_AS_BY_DEFAULT = PoolSettings()
_AT_ONCE: Mapping[str, tuple[Any, str]] = {
    "blocks": (1, "the images must come in one block"),
    "policy": ("keep", "none may be replaced"),
    "sharing": ("alternate", "nothing is generated beside training"),
}
"""Settings of the pool with which all images are there before training, and why."""


def prepared(settings: RunSettings) -> RunSettings:
    """The settings, with all images there before training where some are to be selected.

    Raises `InputError` for settings that do not go together with selecting, or without.
    """
    wanted = settings.selection
    if wanted.select is None:
        _check_alone(wanted)
        return settings
    if settings.time_budget is not None:
        raise InputError(
            f"--select {wanted.select} and a time budget were given, which counts on training on "
            "all images: leave one of the two out"
        )
    for name, (needed, why) in _AT_ONCE.items():
        value = getattr(settings.pool, name)
        if value not in (needed, getattr(_AS_BY_DEFAULT, name)):
            raise InputError(
                f"{name} of the pool is {value!r}, and --select {wanted.select} chooses among all "
                f"images before training, so {why}: leave it out"
            )
    at_once = {name: needed for name, (needed, _) in _AT_ONCE.items()}
    return replace(settings, pool=replace(settings.pool, **at_once))


def check_selection(
    wanted: SelectionSettings, names: Sequence[str], plan: Sequence[SampleSpec]
) -> None:
    """Raise `InputError` for a selection that cannot be made of a plan's images."""
    if wanted.select is None:
        return
    if isinstance(plan, SamplePlan):
        counts = [plan.images_per_class] * len(names)
    else:
        by_label = Counter(spec.label for spec in plan)
        counts = [by_label[label] for label in range(len(names))]
    check_counts(counts, names, wanted)
    load_encoder(wanted.encoder_name(names), torch.device("cpu"))  # that it can be


def check_all_fit(wanted: SelectionSettings, images: int, room: int) -> None:
    """Raise `InputError` where a pool with room for so many does not hold all to select from."""
    if wanted.select is not None and room < images:
        raise InputError(
            f"--select {wanted.select} chooses among all {images} images, and the pool holds "
            f"{room}: give it room for all (--pool, --spill), or take fewer"
        )


def select_in_pool(parts: Parts) -> SelectionFigures:
    """Free the images that are not kept, of a pool that holds all; what was kept.

    Raises `InputError` where too many were left out as blank to select from the others.
    """
    wanted, pool = parts.settings.selection, parts.pool
    name = wanted.encoder_name(parts.names)
    slots = pool.slots()
    if not len(slots):
        raise InputError(
            f"none of the {parts.feed.generated} images can be used, for all were left out: try "
            "another precision, model or recipe"
        )
    labels = torch.from_numpy(pool.labels_of(slots))
    samples = pool.samples_written()
    vectors = _embedded(pool, load_encoder(name, pool.device))
    rows = chosen(vectors, labels, parts.names, wanted, parts.settings.seed)
    # Ranks hold the same images, and GPUs may round the last bit of their vectors otherwise.
    rows = torch.tensor([int(row) for row in agreed(" ".join(map(str, rows.tolist()))).split()])
    is_kept = torch.zeros(len(slots), dtype=torch.bool).index_fill_(0, rows, True).tolist()
    parts.feed.keep_only({samples[row] for row in rows.tolist()})
    classes = [parts.names[label] for label in labels.tolist()]
    domains = [parts.plan[sample].domain for sample in samples]
    return SelectionFigures(
        wanted.select or "",
        name,
        KeptOf(len(rows), len(slots)),
        counted(classes, is_kept),
        counted(domains, is_kept),
    )


def selected(
    images: Tensor,
    labels: Tensor,
    names: Sequence[str],
    settings: RunSettings,
    device: torch.device,
) -> tuple[Tensor, Tensor]:
    """Those of a run's images uint8 `[N, S, S, 3]` and labels that it trains on: all, or some.

    They are to be in the order of their samples; vectors are computed on `device`.
    """
    wanted = settings.selection
    if wanted.select is None:
        return images, labels
    encoder = load_encoder(wanted.encoder_name(names), device)
    rows = chosen(embed_in_blocks(encoder, images), labels, names, wanted, settings.seed)
    return images[rows], labels[rows]


def _check_alone(wanted: SelectionSettings) -> None:
    """Raise `InputError` for what says how to select, where nothing is selected."""
    for flag, value in (("--keep", wanted.keep), ("--select-encoder", wanted.select_encoder)):
        if value is not None:
            raise InputError(
                f"{flag} {value} was given without --select: add it, such as --select clusters:20, "
                f"or leave {flag} out"
            )


def _embedded(pool: ImagePool, encoder: DualEncoder) -> Tensor:
    """Unit vectors `[N, D]` of what the pool publishes, in the order of the samples."""
    slots, found = pool.slots(), []
    pool.begin_reading(slots)
    for begin in range(0, len(slots), _BLOCK):
        part = slots[begin : begin + _BLOCK]
        images, rows = pool.gather(part, to_device(torch.from_numpy(part), pool.device))
        found.append(encoder.embed_images(images[rows]))
    pool.end_reading(slots)
    return torch.cat(found)
