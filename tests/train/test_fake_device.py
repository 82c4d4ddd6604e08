"""Batches and training steps on a GPU that is not there: nothing comes back to the host."""

import functools

import numpy as np
import pytest
import torch
from fake_device import CUDA, empty, fake_device, sent, strictly

from zeroreal.train import TrainSettings
from zeroreal.train.classifier.create import create_classifier
from zeroreal.train.loop.training import Training
from zeroreal.train.pool import degrade
from zeroreal.train.pool.batch_maker import BatchMaker
from zeroreal.train.settings import AUGMENTATIONS, DegradeRanges

SIZE, CLASSES = 16, 3


class Pool:
    """A pool's side towards the loader."""

    device, image_size = CUDA, SIZE

    def __init__(self, soft):
        self.storage = empty(9, SIZE, SIZE, 3, dtype=torch.uint8)
        self.target_storage = empty(9, CLASSES) if soft else empty(9, dtype=torch.int64)

    def gather(self, slots, rows):
        return self.storage, rows

    def slots(self):
        return np.arange(9)

    def labels_of(self, slots):
        return slots % CLASSES


def batches_of(pool, monkeypatch, dtype=torch.bfloat16, **how):
    """All batches of an epoch, made under watch."""
    monkeypatch.setattr("zeroreal.train.pool.batch_maker.to_device", sent)
    ranges = {"augment": AUGMENTATIONS["default"], "degrade": DegradeRanges(), **how}
    ranges |= {"mean": [0.5] * 3, "std": [0.2] * 3, "rank": 0, "world_size": 1}
    maker = BatchMaker(pool, **ranges, size=SIZE, dtype=dtype, seed=1)
    slots = np.arange(8)
    rows = empty(8, dtype=torch.int64)
    monkeypatch.setattr(torch, "from_numpy", lambda array: rows)
    with strictly():
        return list(maker.batches(slots, [4, 4], 0, 0, False))


@pytest.mark.parametrize("name", ["none", "default", "strong"])
@pytest.mark.parametrize("soft", [False, True])
def test_batches_are_made_on_the_device(monkeypatch, name, soft):
    with fake_device():
        made = batches_of(Pool(soft), monkeypatch, augment=AUGMENTATIONS[name])
    assert [images.shape for images, _ in made] == [(4, 3, SIZE, SIZE)] * 2
    assert {tensor.device for batch in made for tensor in batch} == {CUDA}


@pytest.mark.parametrize(
    "ranges", [{"resolution": 8}, {"blur": 1.5}, {"noise": 0.1}, {"jpeg": 40}], ids=str
)
def test_degrading_waits_for_nothing(monkeypatch, ranges):
    tables = functools.cache(degrade._dct_and_tables.__wrapped__)
    monkeypatch.setattr(degrade, "_dct_and_tables", tables)
    with fake_device():
        tables(CUDA)  # made once, on the host
        made = batches_of(Pool(False), monkeypatch, degrade=DegradeRanges(**ranges))
    assert {images.device for images, _ in made} == {CUDA}


class Batches:
    """A loader of two batches."""

    def __init__(self, pool, dtype):
        self.pool, self.dtype, self.batch, self.samples = pool, dtype, 0, 8

    def total_batches(self, group):
        return 2

    def __len__(self):
        return 2

    def __iter__(self):
        for self.batch in (1, 2):
            images = empty(4, 3, SIZE, SIZE, dtype=self.dtype)
            yield images.contiguous(memory_format=torch.channels_last), self.pool.target_storage[:4]


def classifier():
    with CUDA:
        return create_classifier("test_resnet", CLASSES, SIZE)


def give_gradients(model):
    """In place of backward, whose threads need a driver."""
    for weight in model.parameters():
        weight.grad = torch.empty_like(weight)


@pytest.mark.parametrize(
    ("dtype", "soft", "changes"),
    [
        (torch.bfloat16, False, {}),
        (torch.float16, False, {}),
        (torch.float16, True, {"clip_grad": 1.0}),
        (torch.bfloat16, True, {"mixup": 0.2, "cutmix": 1.0, "optimizer": "lamb"}),
        (torch.float32, False, {"loss": "binary", "ema_decay": 0.0, "accumulate": 2}),
    ],
    ids=str,
)
def test_training_steps_wait_for_nothing(monkeypatch, dtype, soft, changes):
    """Until the epoch's report, where the host waits once; backward is PyTorch's own."""
    monkeypatch.setattr(Training, "_report", lambda self, seconds, before: None)
    monkeypatch.setattr("torch.cuda.amp.common.amp_definitely_not_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    with fake_device():
        model, average = classifier(), classifier()
        monkeypatch.setattr("timm.utils.model_ema.deepcopy", lambda model: average)
        random = torch.Generator()
        monkeypatch.setattr(torch, "Generator", lambda device: random)  # its own needs a driver
        monkeypatch.setattr(torch.Tensor, "backward", lambda loss: give_gradients(model))
        loader = Batches(Pool(soft), dtype)
        settings = TrainSettings(**{"epochs": 1, **changes})
        training = Training(model, loader, settings, num_classes=CLASSES, dtype=dtype, seed=0)
        with strictly():
            training.epoch()
    assert training.updates == (1 if changes.get("accumulate") else 2)
