"""Images and labels handed over in Python: one sentence for what would give a wrong figure."""

import numpy as np
import pytest
import torch

from zeroreal.base import InputError
from zeroreal.train import ImagePool, Loader, Trainer
from zeroreal.train.classifier.evaluate import evaluate

CPU = torch.device("cpu")
IMAGES = torch.zeros(4, 32, 32, 3, dtype=torch.uint8)
LABELS = torch.tensor([0, 1, 0, 1])

BAD_IMAGES = [
    (IMAGES.numpy(), "of the type numpy.ndarray: .* torch.from_numpy"),
    (list(IMAGES), "images are of the type list"),
    (None, "images are of the type NoneType"),
    (IMAGES.permute(0, 3, 1, 2), r"shape \(4, 3, 32, 32\): .* permute\(0, 2, 3, 1\)"),
    (IMAGES[..., 0], r"shape \(4, 32, 32\): square NHWC"),
    (IMAGES[0], r"shape \(32, 32, 3\): square NHWC"),
    (IMAGES[:, :16], r"shape \(4, 16, 32, 3\): square"),
    (IMAGES[..., :1], r"shape \(4, 32, 32, 1\): square"),
    (IMAGES.float() / 255, "images are torch.float32: torch.uint8"),
    (IMAGES.long(), "images are torch.int64"),
]
BAD_LABELS = [
    (LABELS[:1], "4 images have 1 labels: give one for each"),
    (LABELS[:-1], "4 images have 3 labels"),
    (LABELS[:, None], r"labels are torch.int64 of the shape \(4, 1\)"),
    (LABELS.float(), "labels are torch.float32"),
    (LABELS.bool(), "labels are torch.bool"),
    (LABELS.numpy(), "labels are of the type numpy.ndarray: .* torch.from_numpy"),
    (LABELS.tolist(), "labels are of the type list"),
    (LABELS - 1, "label -1 is"),
]


@pytest.fixture(scope="module")
def trainer():
    return Trainer(num_classes=2, image_size=32, device="cpu")


@pytest.mark.parametrize(("images", "complaint"), BAD_IMAGES)
def test_images_of_another_kind_are_refused_everywhere(trainer, images, complaint):
    for call in (
        lambda: trainer.predict(images),
        lambda: trainer.evaluate(images, LABELS),
        lambda: trainer.fit(images, LABELS) if images is not None else trainer.predict(images),
        lambda: ImagePool.of(images, LABELS, CPU),
    ):
        with pytest.raises(InputError, match=complaint) as caught:
            call()
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("labels", "complaint"), BAD_LABELS)
def test_labels_of_another_kind_or_number_are_refused_everywhere(trainer, labels, complaint):
    for call in (
        lambda: trainer.evaluate(IMAGES, labels),
        lambda: trainer.fit(IMAGES, labels),
        lambda: ImagePool.of(IMAGES, labels, CPU),
    ):
        with pytest.raises(InputError, match=complaint):
            call()


def test_labels_beyond_the_classes_are_refused(trainer):
    for call in (trainer.evaluate, trainer.fit):
        with pytest.raises(InputError, match="label 2 is outside the 2 classes"):
            call(IMAGES, LABELS + 1)


def test_images_of_another_size_are_not_predicted(trainer):
    small = IMAGES[:, :16, :16]
    for call in (lambda: trainer.predict(small), lambda: trainer.evaluate(small, LABELS)):
        with pytest.raises(InputError, match="16 pixels a side, and the classifier is for 32"):
            call()


def test_images_of_another_size_are_not_trained_on(trainer):
    small = IMAGES[:, :16, :16]
    with pytest.raises(InputError, match="16 pixels a side, and the classifier is for 32"):
        trainer.fit(small, LABELS)
    pool = ImagePool.of(small, LABELS, CPU)
    for source, name in ((pool, "pool"), (Loader(pool, 2, epochs=1), "loader")):
        with pytest.raises(InputError, match=f"the {name} gives images of 16 pixels .* for 32"):
            trainer.fit(source)
    assert len(trainer.fit(Loader(pool, 2, epochs=1, size=32))) == 1  # which resizes


def test_a_pool_of_another_device_is_not_trained_on(trainer):
    loader = Loader(ImagePool.of(IMAGES, LABELS, CPU), 2, epochs=1)
    loader.pool = ImagePool(4, 32, torch.device("meta"))
    with pytest.raises(InputError, match="the pool is on meta, and the trainer on cpu"):
        trainer.fit(loader)


@pytest.mark.parametrize("classes", [1, 3])
def test_a_classifier_of_other_classes_has_no_figure(trainer, classes):
    with pytest.raises(InputError, match=f"tells 2 classes apart, and {classes} are tested"):
        evaluate(trainer.model, IMAGES, LABELS * 0, classes, CPU)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((IMAGES[:, :16, :16], [0] * 4, range(4)), "16 pixels a side, and the pool is for 32"),
        ((IMAGES.numpy(), [0] * 4, range(4)), "numpy.ndarray: a torch.Tensor is needed"),
        ((IMAGES, [0] * 3, range(4)), "4 images have 3 labels and 4 samples"),
        ((IMAGES[:1], [0] * 4, range(4)), "1 images have 4 labels"),
        ((IMAGES, [0] * 4, range(5)), "4 labels and 5 samples"),
        ((IMAGES, [0, -1, 0, 0], range(4)), "label -1 is below 0"),
    ],
)
def test_what_does_not_fit_a_pool_is_not_added(arguments, complaint):
    pool = ImagePool(4, 32, CPU)
    with pytest.raises(InputError, match=complaint):
        pool.add(*arguments)
    assert len(pool) == 0
    assert pool.free == 4


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"num_classes": 2.5}, "num classes is 2.5: a whole number"),
        ({"num_classes": "2"}, "num classes is '2'"),
        ({"image_size": (32, 32)}, r"image size is \(32, 32\)"),
        ({"image_size": -3}, "image size is -3"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_a_trainer_s_numbers_are_checked(options, complaint):
    with pytest.raises(InputError, match=complaint):
        Trainer(**{"num_classes": 2, "image_size": 32, "device": "cpu", **options})


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [((-1, 32), "capacity is -1"), ((2.5, 32), "capacity is 2.5"), ((4, "32"), "size is '32'")],
)
def test_a_pool_s_numbers_are_checked(arguments, complaint):
    with pytest.raises(InputError, match=complaint):
        ImagePool(*arguments, CPU)


def test_no_images_have_no_accuracy(trainer):
    with pytest.raises(InputError, match="no images to test on"):
        trainer.evaluate(IMAGES[:0], LABELS[:0])
    with pytest.raises(InputError, match="no images to predict"):
        trainer.predict(IMAGES[:0])


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32, torch.int64])
def test_labels_of_any_whole_numbers_give_the_same_counts(trainer, dtype):
    found = trainer.evaluate(IMAGES, LABELS.to(dtype))
    assert found.confusion.sum(1).tolist() == [2, 2]


def test_labels_beside_a_pool_or_loader_are_refused(trainer):
    pool = ImagePool.of(IMAGES, LABELS, CPU)
    for source in (pool, Loader(pool, 2, epochs=1)):
        with pytest.raises(InputError, match=r"labels came with a (pool|loader)"):
            trainer.fit(source, LABELS)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"batch_size": 0}, "batch size is 0"),
        ({"batch_size": 2.5}, "batch size is 2.5: a whole number"),
        ({"epochs": 1.5}, "epochs is 1.5: a whole number"),
        ({"size": 0}, "size is 0: a whole number of pixels"),
        ({"size": -4}, "size is -4"),
        ({"dtype": torch.uint8}, "dtype is torch.uint8: float32"),
        ({"dtype": torch.float64}, "dtype is torch.float64: float32"),
        ({"seed": -1}, "seed -1 is outside"),
        ({"mean": [0.5]}, r"mean is \[0.5\] .* three numbers each"),
        ({"std": [0, 1, 1]}, r"std \[0, 1, 1\]: .* above 0"),
        ({"std": np.ones(4)}, "three numbers each"),
        ({"mean": 0.5}, "mean is 0.5 .* three numbers each"),
        ({"rank": 2}, "rank is 2"),
        ({"max_replay": 0}, "max replay is 0"),
    ],
)
def test_a_loader_s_arguments_are_checked(options, complaint):
    pool = ImagePool.of(IMAGES, LABELS, CPU)
    with pytest.raises(InputError, match=complaint):
        Loader(pool, **{"batch_size": 2, **options})


def test_a_loader_draws_from_a_pool_or_feed_alone():
    with pytest.raises(InputError, match=r"source is of the type Tensor: give a pool, such as Im"):
        Loader(IMAGES, 2)
