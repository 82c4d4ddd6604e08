"""The trainer: a pool of generated images in, a classifier out."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ..base import InputError, keep_freed_memory, resolve_device, resolve_precision
from ..base.ranks import Ranks
from .checks import check_images, check_labels, check_same_device, check_side, check_whole
from .classifier.create import create_classifier, to_channels_last
from .classifier.evaluate import Evaluation, evaluate, predict
from .classifier.feature_samples import check_images_enough, linear_head, train_head
from .loop.epoch_sums import EpochReport
from .loop.identity import RECIPE
from .loop.random_state import own_random_state
from .loop.saving import States, StateSaver
from .loop.scalars import Scalars
from .loop.training import Training
from .pool.feed import Feed
from .pool.loader import Loader
from .pool.pool import ImagePool
from .pool.sharing import training_stream
from .settings import TrainSettings

if TYPE_CHECKING:
    from timm.utils.model_ema import ModelEmaV3

DEFAULT_CLASSIFIER = "test_resnet"
CHECKPOINT_SECONDS = 60.0


class Trainer:
    """Trains a timm classifier from scratch, channels-last, in mixed precision.

    Where `torch.distributed` is initialised, every process trains on a share of each batch, and all
    end with the same weights.

    Args:
        classifier: a timm model's name.
        num_classes: K.
        image_size: side of the square images in pixels.
        settings: epochs, optimiser, augmentation.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        precision: `auto`, `fp32`, `bf16` or `fp16`: what autocast computes in.
        seed: decides initial weights, order and augmentation.
        ranks: the processes that train together, by default those of `torch.distributed`.

    Raises `InputError` for what cannot be used.
    """

    def __init__(
        self,
        classifier: str = DEFAULT_CLASSIFIER,
        *,
        num_classes: int,
        image_size: int,
        settings: TrainSettings | None = None,
        device: str = "auto",
        precision: str = "auto",
        seed: int = 0,
        ranks: Ranks | None = None,
    ) -> None:
        check_whole(num_classes, "num classes")
        check_whole(image_size, "image size")
        check_whole(seed, "seed", 0)
        self.settings = settings or TrainSettings()
        self._ranks = ranks or Ranks.current()
        self.device = resolve_device(device)
        if self.device.type == "cpu":
            keep_freed_memory()
        self.dtype = resolve_precision(precision, self.device)
        self.classifier, self.num_classes, self.seed = classifier, num_classes, seed
        self.image_size = image_size
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = create_classifier(classifier, num_classes, image_size, self.settings.least_map)
        if self.settings.feature_samples:
            linear_head(model, classifier, image_size)
        self._model = to_channels_last(model, self.device)
        self.former_head: nn.Linear | None = None
        """The last layer as it was before sampled features trained it; None where they did not."""
        self._average: ModelEmaV3 | None = None
        self._was_trained = False  # before `fit` was last called
        self._reports: list[EpochReport] = []  # of the epochs since

    @property
    def model(self) -> nn.Module:
        """The classifier to use: the weights' moving average once trained, if there is one."""
        if self._average is None:
            return self._model
        averaged: nn.Module = self._average.module
        return averaged

    @property
    def is_trained(self) -> bool:
        """Whether the weights have ended an epoch, in this process or before a state was loaded.

        Then they are worth keeping even where training is broken off or diverges.
        """
        return self._was_trained or bool(self._reports)

    @property
    def identity(self) -> dict[str, Any]:
        """What a training must agree in with a state to go on from it."""
        return {
            "classifier": self.classifier,
            "number of classes": self.num_classes,
            "image size": self.image_size,
            "precision": str(self.dtype).removeprefix("torch."),
            RECIPE: asdict(self.settings),
            "seed": self.seed,
        }

    def loader(self, source: ImagePool | Feed) -> Loader:
        """What draws batches from `source` by the settings, in the dtype of training."""
        settings = self.settings
        return Loader(
            source,
            settings.batch_size,
            augment=settings.augment,
            plain_share=settings.plain_share,
            degrade=settings.degrade,
            size=self.image_size,
            dtype=self.dtype,
            seed=self.seed,
            epochs=settings.epochs,
            max_replay=settings.max_replay,
            balanced=settings.balanced,
            rank=self._ranks.rank,
            world_size=self._ranks.world_size,
        )

    def fit(
        self,
        images: Tensor | ImagePool | Loader,
        labels: Tensor | None = None,
        on_epoch: Callable[[EpochReport], None] | None = None,
        *,
        states: States | None = None,
        state_seconds: float = CHECKPOINT_SECONDS,
        on_scalars: Callable[[Scalars], None] | None = None,
    ) -> list[EpochReport]:
        """Train on a loader with an end, a pool, or images `[N, S, S, 3]` and labels `[N]`.

        Args:
            images: a loader, a pool, or uint8 images.
            labels: int64, where `images` is a tensor.
            on_epoch: told of each epoch's means.
            states: where training goes on from, if there is a state, and where one is saved about
                every `state_seconds`.
            state_seconds: see `states`.
            on_scalars: told of the same means, and more, for a log.

        Where a batch does not fit into memory, it is taken in halves, whose gradients add up.

        Raises `InputError` for images that cannot be trained on or have another size, for a state
        of another training, where memory runs out all the same, and where the loss is no longer
        finite: the weights are those of the last epoch before, or of the state, from within an
        epoch, if none has ended since; see `is_trained`. With `feature_samples`, the last layer is
        trained on when all epochs have ended, of the weights to use alone, on the images that the
        pool then holds; ranks all do the same.
        """
        if isinstance(images, Loader) and labels is not None:
            raise InputError("labels came with a loader, which has its own: leave them out")
        loader = images if isinstance(images, Loader) else self.loader(self._pool(images, labels))
        check_side(loader.size, self.image_size, "loader")
        check_same_device(loader.pool.device, self.device, "pool")
        if loader.pool.capacity < 2:
            raise InputError(f"{loader.pool.capacity} images cannot be trained on: give at least 2")
        if self.settings.feature_samples:
            check_images_enough(loader.pool.capacity, self.num_classes)
        loader.check_passes()
        with own_random_state(self.seed, self.device), training_stream(self.device):
            training = self._training(loader, states)
            saver = StateSaver(training, states if self._ranks.is_first else None, state_seconds)
            while not loader.is_finished:
                scalars = training.epoch(saver.save_when_due)
                if on_epoch is not None:
                    on_epoch(training.reports[-1])
                if on_scalars is not None:
                    on_scalars(scalars)
            self._model.eval()
            self._train_head(loader.pool)
        return training.reports

    def predict(self, images: Tensor) -> Tensor:
        """Class probabilities, float32 `[N, K]` on the CPU, of uint8 images `[N, S, S, 3]`.

        Raises `InputError` for images of another kind or size.
        """
        return predict(self.model, images, self.device, self.image_size)

    def evaluate(self, images: Tensor, labels: Tensor) -> Evaluation:
        """Test on uint8 images `[N, S, S, 3]` with labels int64 `[N]`.

        Raises `InputError` for images of another kind or size, and for labels of another kind or
        number.
        """
        return evaluate(self.model, images, labels, self.num_classes, self.device, self.image_size)

    def _training(self, loader: Loader, states: States | None) -> Training:
        """A training of the classifier, from where the state stands, if there is one."""
        training = Training(
            self._model,
            loader,
            self.settings,
            num_classes=self.num_classes,
            dtype=self.dtype,
            seed=self.seed,
            ranks=self._ranks,
        )
        self._average = training.average
        state = None if states is None else states.load()
        if state is not None:
            training.load_state_dict(state)
        self._was_trained = state is None and self.is_trained
        self._reports = training.reports
        return training

    def _train_head(self, pool: ImagePool) -> None:
        self.former_head = None
        if self.settings.feature_samples:
            timm_model: Any = self.model
            head = timm_model.get_classifier()
            former = copy.deepcopy(head).cpu()
            train_head(self.model, head, pool, self.settings, self.num_classes, self.seed)
            self.former_head = former

    def _pool(self, images: Tensor | ImagePool, labels: Tensor | None) -> ImagePool:
        if isinstance(images, ImagePool):
            if labels is not None:
                raise InputError("labels came with a pool, which has its own: leave them out")
            check_side(images.image_size, self.image_size, "pool")
            return images
        if labels is None and isinstance(images, Tensor):
            raise InputError("images came without labels: give one label for each image")
        check_images(images, self.image_size)
        check_labels(labels, len(images), self.num_classes)
        return ImagePool.of(images, labels, self.device)
