"""Classifying labelled real images without training: what is classified, proposed and told."""

import json
from pathlib import Path

import pytest
import torch

from zeroreal.assets import FASHION_MNIST_TEST
from zeroreal.assets.embedded import EMBEDDED_CLASSES
from zeroreal.base import InputError
from zeroreal.data import load_images
from zeroreal.generate.diffusion_classifier.classifier import DiffusionClassifier
from zeroreal.generate.diffusion_classifier.settings import DiffusionClassifierSettings
from zeroreal.generate.diffusion_classifier.stages import Stage
from zeroreal.run import ZeroshotSettings, run_zeroshot
from zeroreal.train.classifier.saved import load_classifier

RUN = Path(__file__).parents[2] / "fixtures" / "run-version-1" / "finished"
CARD = json.loads((RUN / "classifier.json").read_text())
QUICK = DiffusionClassifierSettings(precision="fp32", stages=(Stage(1, 2), Stage(1, 1)))


def settings(**changes):
    return ZeroshotSettings(**{"device": "cpu", "diffusion": QUICK, **changes})


@pytest.fixture(scope="module")
def garments(write_dataset, tmp_path_factory):
    """A folder with five images of each class that the finished run knows."""
    classes = [entry.partition(":")[0] for entry in EMBEDDED_CLASSES]
    real = load_images(FASHION_MNIST_TEST, 32, classes)
    kept = [
        place
        for name in CARD["classes"]
        for place in (real.labels == classes.index(name)).nonzero()[:5, 0].tolist()
    ]
    labels = [number for number in range(4) for _ in range(5)]
    folder = tmp_path_factory.mktemp("data") / "garments"
    return write_dataset(folder, "folders", real.images[kept], labels, CARD["classes"])


def test_a_balanced_share_of_the_shipped_images_is_classified_by_default():
    told = []
    result = run_zeroshot(settings(images=20), told.append)
    assert (result.images, result.planned, result.test.images) == (20, 20, 20)
    assert [row.images for row in result.test.per_class] == [2] * 10
    assert result.found.evaluations_per_image == 10 + 2
    assert result.test.chance == pytest.approx(0.1)
    assert (told[-1].stage, told[-1].done, told[-1].total) == ("classify", 20, 20)
    right = int((result.labels == result.found.labels).sum())
    assert result.test.accuracy == right / 20
    assert right > 8


def test_the_share_does_not_change_what_an_image_is_taken_for(garments):
    few, all_of_them = (
        run_zeroshot(settings(images=count, data=garments, classes=tuple(CARD["classes"])))
        for count in (6, None)
    )
    assert all_of_them.indices[:6] == few.indices
    ours, theirs = all_of_them.found.classified.errors[:6], few.found.classified.errors
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6, equal_nan=True)


def test_a_runs_classifier_proposes_what_diffusion_decides_among(garments):
    # In another order than the run has them.
    classes = ("sneaker", "dress", "coat", "bag")
    result = run_zeroshot(settings(data=garments, classes=classes, propose=2, run=str(RUN)))
    assert result.found.evaluations_per_image == 1 * 2 + 1 * 2
    saved = load_classifier(RUN, torch.device("cpu"))
    images = load_images(garments, 32, CARD["classes"]).images
    for row, index in enumerate(result.indices):
        likeliest = saved.predict(images[index : index + 1])[0].topk(2).indices.tolist()
        tried = (~result.found.classified.errors[row].isnan()).nonzero()[:, 0].tolist()
        assert {classes[label] for label in tried} == {CARD["classes"][one] for one in likeliest}


def test_the_runs_classes_are_taken_where_none_are_named(garments):
    result = run_zeroshot(settings(data=garments, propose=2, run=str(RUN), images=4))
    assert result.classes == tuple(CARD["classes"])


def test_an_interruption_ends_with_what_is_known(garments):
    def stop(_):
        raise KeyboardInterrupt

    quick = DiffusionClassifierSettings(precision="fp32", stages=(Stage(1, 1),), batch_size=3)
    result = run_zeroshot(
        settings(data=garments, classes=tuple(CARD["classes"]), diffusion=quick), stop
    )
    assert (result.images, result.planned, result.test.images) == (3, 20, 3)
    assert result.found.classified.errors.shape == (3, 4)


def test_an_interruption_before_anything_is_known_is_raised(monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(DiffusionClassifier, "blocks", stop)
    with pytest.raises(KeyboardInterrupt):
        run_zeroshot(settings(images=2))


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"classifier": "gaussian"}, "unknown classifier 'gaussian'"),
        ({"images": 0}, "images is 0"),
        ({"seed": -1}, "seed -1 is outside"),
        ({"propose": 1, "run": "x"}, "propose is 1: give at least 2 candidates"),
        ({"propose": 3}, "propose 3 was given without a run to propose them"),
        ({"run": "x"}, "run 'x' was given, but nothing that it proposes"),
    ],
)
def test_values_out_of_range_are_refused(changes, complaint):
    with pytest.raises(InputError, match=complaint):
        settings(**changes)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"classes": ("coat",)}, "has 1 classes, at least 2 are needed"),
        ({"classes": ("cat", "dog")}, "there are no images of cat, dog that ship"),
        ({"propose": 5, "run": str(RUN)}, "propose is 5, but there are 4 classes"),
        (
            {"propose": 2, "run": str(RUN), "classes": ("coat", "cat", "bag", "dress")},
            "knows the classes bag, coat, dress, sneaker, not coat, cat, bag, dress",
        ),
        ({"propose": 2, "run": "nowhere"}, "no classifier.json"),
    ],
)
def test_what_does_not_go_together_is_refused(changes, complaint):
    with pytest.raises(InputError, match=complaint):
        run_zeroshot(settings(**changes))
