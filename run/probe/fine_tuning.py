"""Fine-tuning a classifier on its own images under the corruptions that hurt it."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ...base import InputError
from ...base.progress import OnStage, StageProgress
from ...data.decode import room_for
from ...train import EpochReport, Trainer, TrainSettings
from ...train.classifier.saved import SavedClassifier
from ..judge import judge_of
from ..regenerated import LabelledTensors
from ..zeroshot.share import balanced_order
from .asking import ProbeImages, ask_all
from .changes.conditions import corruption_conditions
from .corruptions.draws import draws_of
from .corruptions.table import SEVERITIES, corrupted
from .report.measuring import corruption_figures

_CHOOSING = 500  # images
_HURTS = 0.01  # of accuracy
_AT_ONCE = 250  # images that are corrupted together


def hurting(
    saved: SavedClassifier,
    trained: LabelledTensors,
    names: Sequence[str],
    seed: int,
    on_progress: OnStage,
) -> tuple[str, ...]:
    """Those of `names` that cost a point of accuracy on the images that a run was trained on.

    No other images choose, so that those that measure stay fresh. Raises `InputError` where none
    does.
    """
    images, labels = trained
    order = torch.tensor(balanced_order(labels, seed, min(_CHOOSING, len(labels))))
    found = ProbeImages(images[order], labels[order], order, "images of training", is_real=False)
    conditions = corruption_conditions(names, seed)
    answers = ask_all(judge_of(saved), found, conditions, on_progress, "choose")
    rows = corruption_figures(answers, found.labels)
    chosen = tuple(row.name for row in rows if row.lost >= _HURTS)
    if not chosen:
        raise InputError(
            f"none of the corruptions {', '.join(names)} costs a point of accuracy on the images "
            "of training, so there is nothing to fine-tune on: hold out fewer with --hold-out"
        )
    return chosen


def with_copies(
    trained: LabelledTensors,
    names: Sequence[str],
    copies: int,
    seed: int,
    device: torch.device,
    on_progress: OnStage,
) -> LabelledTensors:
    """The images, then `copies` of them, each under a corruption and a severity that are drawn."""
    images, labels = trained
    count, total = len(images), len(images) * copies
    whole = torch.from_numpy(room_for(count + total, images.shape[1]))
    whole[:count] = images
    drawn = draws_of(seed, "copies", torch.arange(total)).uniform((2,), 0)
    kinds, levels = (drawn * torch.tensor([len(names), len(SEVERITIES)])).long().unbind(1)
    done = 0
    for kind, name in enumerate(names):
        for place, severity in enumerate(SEVERITIES):
            chosen = ((kinds == kind) & (levels == place)).nonzero()[:, 0]
            for numbers in chosen.split(_AT_ONCE):
                here = images[numbers % count].to(device)
                made = corrupted(here, name, severity, seed, numbers.to(device))
                whole[count + numbers] = made.cpu()
                done += len(numbers)
            on_progress(StageProgress("corrupt", done, total))
    return whole, labels.repeat(copies + 1)


def fine_tuned(
    saved: SavedClassifier,
    trained: LabelledTensors,
    settings: TrainSettings,
    precision: str,
    seed: int,
    on_progress: OnStage,
) -> SavedClassifier:
    """The classifier after more training, from the weights that it has."""
    card = saved.card
    trainer = Trainer(
        card.classifier,
        num_classes=len(card.classes),
        image_size=card.image_size,
        settings=settings,
        device=str(saved.device),
        precision=precision,
        seed=seed,
    )
    trainer.model.load_state_dict(saved.model.state_dict())

    def show(epoch: EpochReport) -> None:
        note = f"loss {epoch.loss:.3f}"
        on_progress(StageProgress("train", epoch.epoch, epoch.epochs, note))

    images, labels = trained
    on_progress(StageProgress("train", 0, settings.epochs))
    trainer.fit(images, labels, on_epoch=show)
    model = trainer.model.eval().requires_grad_(False)
    return SavedClassifier(card, model, trainer.device)
