"""What a run consists of, made from its settings and checked before anything is written."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from ..assets import FASHION_MNIST_TEST
from ..assets.embedded import EMBEDDED_CLASSES
from ..base import InputError, resolve_device
from ..base.progress import OnStage, StageProgress
from ..base.ranks import Ranks, least
from ..base.sides import both_sides
from ..data import LabelledImages, load_real_images
from ..data.source import load_unlabelled
from ..export import find_model, native_side
from ..generate import ClassName, Recipe, SamplePlan, SampleSpec, parse_classes
from ..generate.plan.classes import prompt_aliases
from ..generate.suited import suited_recipe
from ..train import Feed, ImagePool, Trainer
from ..train.classifier.feature_samples import check_images_enough
from ..train.pool.epochs import block_sizes, check_passes
from ..train.pool.ranks_source import RanksSource
from ..train.pool.sharing import check_mode, sharing_mode
from ..train.pool.size import PoolSize, images_in, pool_size, room_for
from .baselines.measure import check_baselines
from .budget.clock import GenerationClock
from .decide.decider import decider_by_metric
from .generator import make_generator
from .parts import Parts, Source, stage_of
from .selection.select import check_all_fit, check_selection, prepared
from .settings import RunSettings
from .stored.images import StoredImages
from .teacher import load_teacher, softening

_PAST = {"generate": "generated", "read": "read"}

_log = logging.getLogger(__name__)


def prepare(
    settings: RunSettings,
    on_progress: OnStage,
    ranks: Ranks,
    clock: GenerationClock | None = None,
) -> Parts:
    """The parts of a run, made in the order in which mistakes are cheapest to find.

    Raises `InputError` for settings that cannot be used.
    """
    began, settings = time.perf_counter(), prepared(settings)
    origin = origin_of(settings)
    stored = origin if isinstance(origin, StoredImages) else None
    classes = parse_classes(settings.classes) if stored is None else stored.classes
    plan = plan_of(settings, origin, classes)
    _check_devices(settings, ranks)
    trainer = _make_trainer(settings, len(classes), _image_size(settings, origin), ranks)
    names = tuple(item.name for item in classes)
    check_selection(settings.selection, names, plan)
    test, reading_seconds = real_test_images(settings, classes, trainer.image_size)
    check_baselines(settings.baselines, names, len(plan), test)
    decider = decider_by_metric(settings.decide, classes, test, settings.device)
    unlabelled = _unlabelled_images(settings, trainer.image_size)
    teacher = load_teacher(settings, classes, trainer.device)
    room = least(room_for(trainer.device, settings.pool.memory), trainer.device)
    size = _pool_size(settings, room, len(plan), trainer.image_size, len(classes))
    if stored is not None:
        size, plan = _size_in_order(size, stored), stored.plan  # which is in that order from here
    pool = _make_pool(size, trainer, len(classes) if teacher else None)
    _check_images(settings, size, len(plan), pool, len(classes))
    sharing = _sharing(settings, trainer.device, ranks)
    source = source_of(settings, origin, plan, on_progress, ranks)
    feed = Feed(
        source if ranks.world_size == 1 else RanksSource(source, trainer.image_size, ranks),
        plan,
        pool,
        block=size.block,
        policy=settings.pool.policy,
        mode=sharing,
        soften=softening(teacher, len(classes), settings.gap.teacher_weight) if teacher else None,
        is_over=clock.is_over if clock else lambda images: False,
        on_batch=lambda images: _show_images(feed, images, stage_of(settings), on_progress),
    )
    return Parts(
        settings=_settled(settings, source, room),
        ranks=ranks,
        classes=classes,
        recipe=None if isinstance(origin, StoredImages) else origin,
        plan=plan,
        trainer=trainer,
        test=test,
        decider=decider,
        unlabelled=unlabelled,
        pool=pool,
        source=source,
        feed=feed,
        clock=clock,
        seconds=time.perf_counter() - began - reading_seconds,
        reading_seconds=reading_seconds,
    )


def _settled(settings: RunSettings, source: Source, room: int) -> RunSettings:
    """The settings with what tuning and free memory came to."""
    found = {} if isinstance(source, StoredImages) else source.facts.settled
    generate = replace(settings.generate, **found)
    return replace(settings, generate=generate, pool=replace(settings.pool, memory=room))


def origin_of(settings: RunSettings) -> Recipe | StoredImages:
    """What the images come from: a recipe or a dataset."""
    if settings.images is None:
        if settings.images_split is not None:
            raise InputError(
                "--images-split was given without --images: leave it out, or name them"
            )
        recipe = suited_recipe(settings, settings.generate)
        _check_negative_prompt(settings, recipe)
        return recipe
    classes = None if settings.classes == EMBEDDED_CLASSES else parse_classes(settings.classes)
    device, size = resolve_device(settings.device), settings.generate.image_size
    reading = replace(settings.reading, split=settings.images_split)
    return StoredImages(settings.images, device, size, classes, reading)


def plan_of(
    settings: RunSettings, origin: Recipe | StoredImages, classes: tuple[ClassName, ...]
) -> SamplePlan | Sequence[SampleSpec]:
    """All samples, in order."""
    if isinstance(origin, StoredImages):
        return origin.plan
    return SamplePlan(origin, classes, settings.images_per_class, seed=settings.seed)


def source_of(
    settings: RunSettings,
    origin: Recipe | StoredImages,
    plan: SamplePlan | Sequence[SampleSpec],
    on_progress: OnStage,
    ranks: Ranks,
) -> Source:
    """What gives the images."""
    if isinstance(origin, StoredImages):
        return origin
    generator = make_generator(settings, origin.guided, len(plan), on_progress)
    if isinstance(plan, SamplePlan):
        generator.check_prompts(plan, tell=ranks.is_first)
    return generator


def _image_size(settings: RunSettings, origin: Recipe | StoredImages) -> int:
    """Side in pixels of what the classifier sees."""
    if isinstance(origin, StoredImages):
        return origin.image_size
    chosen = settings.generate
    size = chosen.image_size or chosen.generate_size
    return min(both_sides(size or native_side(find_model(chosen.model, chosen.variant))))


def _check_devices(settings: RunSettings, ranks: Ranks) -> None:
    if settings.devices and ranks.world_size > 1:
        raise InputError(
            f"devices {', '.join(settings.devices)} were given to each of the processes of "
            "torchrun, which have a device each: leave them out"
        )


def _check_negative_prompt(settings: RunSettings, recipe: Recipe) -> None:
    """Raise `InputError` for a negative prompt that no image would use."""
    given = settings.generate.negative_prompt
    if given is not None and not recipe.guided:
        raise InputError(
            f"negative prompt {given!r} was given, but recipe {recipe.name!r} has no image with "
            "guidance above 1: leave it out, or choose a recipe with guidance"
        )


def _make_trainer(settings: RunSettings, classes: int, image_size: int, ranks: Ranks) -> Trainer:
    return Trainer(
        settings.classifier,
        num_classes=classes,
        image_size=image_size,
        settings=settings.train,
        device=settings.device,
        precision=settings.amp,
        seed=settings.seed,
        ranks=ranks,
    )


def _sharing(settings: RunSettings, device: torch.device, ranks: Ranks) -> str:
    mode = sharing_mode(settings.pool.sharing, device, ranks)
    check_mode(mode, device)
    return mode


def real_test_images(
    settings: RunSettings, classes: tuple[ClassName, ...], image_size: int
) -> tuple[LabelledImages | None, float]:
    """The real images that a run is tested on, and the seconds that reading them took.

    None without any: where none were given and the classes are not the embedded ones.
    """
    began, source = time.perf_counter(), settings.data
    names = [item.name for item in classes]
    if source is None:
        shipped = {item.name for item in parse_classes(EMBEDDED_CLASSES)}
        if settings.classes != EMBEDDED_CLASSES or set(names) != shipped:
            return None, 0.0
        source = str(FASHION_MNIST_TEST)
    aliases = prompt_aliases(classes)
    images = load_real_images(source, names, image_size, aliases, settings.reading)
    return images, time.perf_counter() - began


def _unlabelled_images(settings: RunSettings, image_size: int) -> Tensor | None:
    source = settings.gap.batch_norm_data
    return None if source is None else load_unlabelled(source, image_size, settings.reading)


def _pool_size(
    settings: RunSettings, room: int, images: int, image_size: int, classes: int
) -> PoolSize:
    replaces = settings.pool.policy != "keep"
    size = pool_size(
        images_in(room, image_size),
        images,
        spill=images_in(settings.pool.spill or 0, image_size),
        blocks=settings.pool.blocks,
        replaces=replaces,
        image_size=image_size,
        batch_size=settings.train.batch_size,
        classes=classes,
    )
    check_all_fit(settings.selection, images, size.capacity)
    if size.capacity < images:
        _log.warning(
            "the pool holds %d of %d images: the others %s",
            size.capacity,
            images,
            "replace those" if replaces else f"are not {_PAST[stage_of(settings)]}",
        )
    if size.host:
        _log.warning(
            "%d of the pool's %d images lie in host memory: training copies them to the device",
            size.host,
            size.capacity + size.spare,
        )
    return size


def _size_in_order(size: PoolSize, stored: StoredImages) -> PoolSize:
    """The size with blocks that all have about all classes, in an order that may change for it."""
    if stored.mix(size.block):
        return size
    if size.capacity < len(stored):
        raise InputError(
            f"the images of {stored.source!r} are sorted by class, and the pool holds "
            f"{size.capacity} of {len(stored)}, so training would see few classes at a time: give "
            "it room for all (--pool, --spill), or shuffle the dataset"
        )
    return replace(size, block=size.capacity)


def _check_images(
    settings: RunSettings, size: PoolSize, images: int, pool: ImagePool, classes: int
) -> None:
    """Raise `InputError` where too few are left to train on, or for sampled features."""
    if settings.train.feature_samples:
        check_images_enough(pool.capacity, classes)
    replaces = settings.pool.policy != "keep"
    blocks = block_sizes(images, size.capacity, size.block, replaces)
    check_passes(blocks, size.capacity, settings.train.epochs, settings.train.max_replay)


def _make_pool(size: PoolSize, trainer: Trainer, soft_classes: int | None) -> ImagePool:
    return ImagePool(
        size.capacity,
        trainer.image_size,
        trainer.device,
        spare=size.spare,
        classes=soft_classes,
        host=size.host,
    )


def _show_images(feed: Feed, images: int, stage: str, on_progress: OnStage) -> None:
    note = f"{feed.images_per_second:.0f} images/s"
    on_progress(StageProgress(stage, images, sum(feed.blocks), note))
