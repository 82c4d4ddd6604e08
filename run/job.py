"""A run's parts, made from its settings, and the work that they do together."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from ..assets import FASHION_MNIST_TEST
from ..assets.embedded import EMBEDDED_CLASSES
from ..base import InputError, unknown
from ..base.files import remove_half_written, write_atomically
from ..base.ranks import Ranks, least
from ..data.real import load_real_images
from ..data.source import LabelledImages, load_unlabelled
from ..encoders.teacher import ClipTeacher
from ..export import ExportProgress, find_model, native_side
from ..generate import (
    ClassName,
    DataParallelGenerator,
    Generator,
    Recipe,
    SamplePlan,
    TuneProgress,
    load_recipe,
    parse_classes,
)
from ..train.classifier.batch_norm import re_estimate
from ..train.classifier.evaluate import normalize
from ..train.classifier.saved import ClassifierCard, save_classifier
from ..train.loop.checkpoint import CheckpointFolder
from ..train.loop.scalars import ScalarLog, Scalars
from ..train.loop.targets import soft_targets
from ..train.loop.training import EpochReport
from ..train.pool.feed import Feed
from ..train.pool.pool import POLICIES, ImagePool
from ..train.pool.ranks_source import RanksSource
from ..train.pool.sharing import check_mode
from ..train.pool.size import images_in, pool_size, room_for
from ..train.trainer import Trainer
from .budget.clock import GenerationClock
from .budget.plans import BudgetPlan
from .folder import CONFIG, write_config
from .progress import Progress
from .settings import GENERATOR_OPTIONS, RunSettings

_LG = logging.getLogger(__name__)

PARTIAL = "generated.safetensors"


class Job:
    """A run's parts, made in the order in which mistakes are cheapest to find.

    Raises `InputError` for settings that cannot be used.
    """

    def __init__(self, settings: RunSettings, on_progress: Callable[[Progress], None]) -> None:
        began = time.perf_counter()
        self.settings, self.on_progress = settings, on_progress
        self.classes = parse_classes(settings.classes)
        self.names = tuple(item.name for item in self.classes)
        self.recipe = load_recipe(settings.recipe)
        self.plan = SamplePlan(
            self.recipe, self.classes, settings.images_per_class, seed=settings.seed
        )
        if settings.devices and Ranks.current().world_size > 1:
            raise InputError(
                f"devices {', '.join(settings.devices)} were given to each of the processes of "
                "torchrun, which have a device each: leave them out"
            )
        size = settings.image_size or settings.generate_size
        self.image_size = size or native_side(find_model(settings.model))
        self.trainer = Trainer(
            settings.classifier,
            num_classes=len(self.classes),
            image_size=self.image_size,
            settings=settings.train,
            device=settings.device,
            precision=settings.amp,
            seed=settings.seed,
        )
        self.test = self._test_images()
        self._real = settings.batch_norm_data and load_unlabelled(
            settings.batch_norm_data, self.image_size
        )
        self._teacher = self._load_teacher()
        self._room = least(room_for(self.trainer.device, settings.pool), self.trainer.device)
        self.pool, self._block = self._make_pool()
        sharing = _sharing_of_ranks(settings.sharing, self.trainer.device)
        check_mode(sharing, self.trainer.device)
        self.generator = _generator(settings, on_progress)
        self.clock: GenerationClock | None = None
        self.budget: BudgetPlan | None = None
        ranks = Ranks.current()
        is_alone = ranks.world_size == 1
        self.feed = Feed(
            self.generator if is_alone else RanksSource(self.generator, self.image_size, ranks),
            self.plan,
            self.pool,
            block=self._block,
            policy=settings.pool_policy,
            mode=sharing,
            soften=self._soften if self._teacher else None,
            is_over=lambda images: self.clock is not None and self.clock.is_over(images),
            on_batch=self._show_generated,
        )
        self.seconds = {"load": time.perf_counter() - began}
        self.history: list[EpochReport] = []
        self.is_trained = False
        """Whether an epoch of training has ended."""
        self.replay_ratio = 0.0

    @property
    def recipe_content(self) -> dict[str, Any]:
        return {"name": self.recipe.name, "leaves": [_leaf(leaf) for leaf in self.recipe.leaves]}

    def close(self) -> None:
        """End the thread and the processes that generate, if there are any."""
        self.feed.close()
        if isinstance(self.generator, DataParallelGenerator):
            self.generator.close()

    def keep_config(self, folder: Path) -> None:
        """Write what the run can be resumed by, if it is not there yet."""
        if (folder / CONFIG).exists():
            return
        # With what tuning and free memory came to, so that a resumed run does the same to the bit.
        settings = replace(self.settings, **self.generator.facts.found, pool=self._room)
        write_config(folder, settings, self.recipe_content)

    def keep_images(self, folder: Path) -> None:
        """Save the images that are there, so that they need not be generated again."""
        images, labels, samples = self.pool.written()
        if len(samples):
            parts = {"images": images, "labels": labels, "samples": torch.tensor(samples)}
            write_atomically(folder / PARTIAL, save(parts))

    def restore_images(self, folder: Path) -> None:
        """Take the images that `keep_images` saved; `InputError` if they are damaged."""
        path = folder / PARTIAL
        if not path.exists():
            return
        try:
            saved = load_file(path)
            self.feed.restore(saved["images"], saved["labels"], saved["samples"])
        except (SafetensorError, KeyError) as error:
            raise InputError(
                f"{str(path)!r} is damaged ({error}): remove it to generate its images again"
            ) from None

    def train(self, folder: Path) -> None:
        """Generate and train, in turn or at once, from where a checkpoint in `folder` stands."""
        began = time.perf_counter()
        self.on_progress(Progress("generate", self.feed.written, self.planned))
        if self.clock is not None:
            self.feed.fill()  # how many there will be shows only then
        source = self.pool if self.clock is not None else self.feed
        loader = self.trainer.loader(source)
        self.on_progress(Progress("train", 0, loader.total_epochs()))
        log: list[ScalarLog] = []

        def keep(scalars: Scalars) -> None:
            self.replay_ratio = scalars.replay_ratio
            if not Ranks.current().is_first:
                return
            if not log:
                log.append(ScalarLog(folder, resume_step=scalars.step - 1))
            log[0].write(scalars)

        try:
            self.history = self.trainer.fit(
                loader,
                on_epoch=self._show_trained,
                states=None if self.clock else self._checkpoints(folder),
                state_seconds=self.settings.checkpoint_seconds,
                on_scalars=keep,
            )
        finally:
            for opened in log:
                opened.close()
        self.seconds.update(self.generator.seconds.totals)
        self.seconds["train"] = time.perf_counter() - began - self.feed.waited
        self.close()
        if isinstance(self._real, Tensor):
            self._adapt_batch_norm(self._real)

    def save(self, folder: Path) -> None:
        """Write the trained classifier."""
        prompts = tuple(item.prompt for item in self.classes)
        card = ClassifierCard(self.settings.classifier, self.names, prompts, self.image_size)
        save_classifier(folder, self.trainer.model, card)

    def evaluate(self) -> dict[str, Any] | None:
        """The figures of the test; None without real images."""
        if self.test is None:
            return None
        began = time.perf_counter()
        evaluation = self.trainer.evaluate(self.test.images, self.test.labels)
        self.seconds["evaluate"] = time.perf_counter() - began
        return {"source": self.test.source, **evaluation.summary(self.names)}

    @property
    def planned(self) -> int:
        """How many images are to be generated."""
        return sum(self.feed.blocks)

    def _checkpoints(self, folder: Path) -> CheckpointFolder:
        return CheckpointFolder(folder, self.trainer.identity)

    def _test_images(self) -> LabelledImages | None:
        source = self.settings.data
        if source is None:
            if self.settings.classes != EMBEDDED_CLASSES:
                return None
            source = str(FASHION_MNIST_TEST)
        return load_real_images(source, self.names, self.image_size, prompt_aliases(self.classes))

    def _load_teacher(self) -> ClipTeacher | None:
        name, weight = self.settings.teacher, self.settings.teacher_weight
        if not 0 <= weight <= 1:
            raise InputError(f"teacher weight is {weight}: it must be in [0, 1]")
        if name is None:
            return None
        prompts = [item.prompt for item in self.classes]
        return ClipTeacher(name, prompts, self.trainer.device)

    def _make_pool(self) -> tuple[ImagePool, int]:
        """An empty pool, and the size of the blocks that fill it."""
        settings, classes = self.settings, len(self.classes)
        if settings.blocks < 1:
            raise InputError(f"blocks is {settings.blocks}: at least 1 is needed")
        if settings.pool_policy not in POLICIES:
            raise unknown("pool policy", settings.pool_policy, POLICIES)
        device, replaces = self.trainer.device, settings.pool_policy != "keep"
        size = pool_size(
            images_in(self._room, self.image_size),
            len(self.plan),
            spill=images_in(settings.spill or 0, self.image_size),
            blocks=settings.blocks,
            replaces=replaces,
            image_size=self.image_size,
            batch_size=settings.train.batch_size,
            classes=classes,
        )
        if size.capacity < len(self.plan):
            rest = "replace others" if replaces else "are not generated"
            _LG.warning(
                "the pool holds %d of %d images: the others %s",
                size.capacity,
                len(self.plan),
                rest,
            )
        if size.host:
            _LG.warning(
                "%d of the pool's %d images lie in host memory: training copies them to the device",
                size.host,
                size.capacity + size.spare,
            )
        pool = ImagePool(
            size.capacity,
            self.image_size,
            device,
            spare=size.spare,
            classes=classes if self._teacher else None,
            host=size.host,
        )
        return pool, size.block

    def _soften(self, images: Tensor, labels: Tensor) -> Tensor:
        assert self._teacher is not None
        hard = F.one_hot(labels, len(self.classes)).float()
        return soft_targets(hard, self._teacher(images), self.settings.teacher_weight)

    def _adapt_batch_norm(self, images: Tensor) -> None:
        size = self.settings.train.batch_size
        # A short last batch would count as much as the others.
        whole = images[: max(len(images) // size, 1) * size]
        device = self.trainer.device
        re_estimate(self.trainer.model, (normalize(part.to(device)) for part in whole.split(size)))

    def _show_generated(self, images: int) -> None:
        note = f"{self.feed.images_per_second:.0f} images/s"
        self.on_progress(Progress("generate", images, self.planned, note))

    def _show_trained(self, epoch: EpochReport) -> None:
        self.is_trained = True
        self.on_progress(Progress("train", epoch.epoch, epoch.epochs, f"loss {epoch.loss:.3f}"))


def forget_progress(folder: Path) -> None:
    """Remove what only an unfinished run needs, and what a kill left half written."""
    (folder / PARTIAL).unlink(missing_ok=True)
    CheckpointFolder(folder, {}).remove()
    remove_half_written(folder)


def prompt_aliases(classes: tuple[ClassName, ...]) -> dict[str, str]:
    """Display prompts as further names of their classes, for matching test data."""
    return {item.prompt: item.name for item in classes}


def _sharing_of_ranks(mode: str, device: torch.device) -> str:
    """How each of several processes shares its GPU.

    At once, NCCL would exchange images and gradients in an order that differs between them.
    """
    if Ranks.current().world_size == 1 or device.type == "cpu" or mode == "alternate":
        return mode
    if mode != "auto":
        raise InputError(
            f"sharing mode {mode!r} was given to several processes that have a GPU each, which can "
            "only alternate: choose 'alternate'"
        )
    return "alternate"


def _leaf(leaf: Recipe) -> dict[str, Any]:
    fields = ("name", "prompt", "domains", "negative_prompt", "guidance")
    return leaf.model_dump(mode="json", include=set(fields))


def _generator(
    settings: RunSettings, on_progress: Callable[[Progress], None]
) -> Generator | DataParallelGenerator:
    options = {name: getattr(settings, name) for name in GENERATOR_OPTIONS}

    def tell(state: ExportProgress | TuneProgress) -> None:
        if isinstance(state, ExportProgress):
            note = f"{state.graph}: {state.stage}"
            on_progress(Progress("export", state.done, state.total, note))
        else:
            told.append(state)
            on_progress(Progress("tune", 0, 1, state.engine))

    told: list[TuneProgress] = []
    options |= {"device": settings.device, "on_progress": tell}
    generator: Generator | DataParallelGenerator
    if settings.devices:
        generator = DataParallelGenerator(settings.devices, **options)
    else:
        generator = Generator(**options)
    if told:
        on_progress(Progress("tune", 1, 1, generator.facts.backend))
    return generator
