"""Gaussians of synthetic images: of a dataset, of a finished run, and what does not go together."""

import pytest
import torch
from coloured import COLOURS, coloured

from zeroreal.base import InputError
from zeroreal.run import ZeroshotSettings, run_zeroshot


def settings(**changes):
    kept = {"device": "cpu", "classifier": "gaussians", "encoder": "embedded"}
    return ZeroshotSettings(**{**kept, **changes})


@pytest.fixture(scope="module")
def real(cards):
    return cards(40, 1)


def test_a_dataset_s_images_are_fitted_to(real, cards):
    told = []
    dataset = cards(300, 0)
    result = run_zeroshot(settings(synthetic=dataset, data=real), told.append)
    assert result.classes == tuple(sorted(COLOURS))
    assert result.found.fitted_to.images == 300
    assert result.test.accuracy > 0.9  # colours that differ
    assert {one.stage for one in told} == {"read", "classify"}
    content = result.content()
    assert (content["synthetic_images"], content["templates"]) == (300, [])
    assert "Gaussians of 300 images of" in result.sentence


def test_classes_in_another_order_are_still_themselves(real, cards):
    dataset, classes = cards(300, 0), tuple(sorted(COLOURS, reverse=True))
    usual = run_zeroshot(settings(synthetic=dataset, data=real))
    turned = run_zeroshot(settings(synthetic=dataset, data=real, classes=classes))
    assert turned.classes == classes
    assert turned.test.accuracy == usual.test.accuracy


def test_a_finished_run_s_images_are_fitted_to(finished, real):
    usual = run_zeroshot(settings(run=str(finished), data=real))
    turned = tuple(reversed(usual.classes))
    other = run_zeroshot(settings(run=str(finished), data=real, classes=turned))
    assert usual.found.fitted_to.images == 300
    assert usual.test.accuracy == other.test.accuracy > 0.9
    names = [
        {index: one.classes[label] for index, label in zip(one.indices, found, strict=True)}
        for one in (usual, other)
        for found in [one.found.labels.tolist()]
    ]
    assert names[0] == names[1]


def test_labels_decide(cards, real, tmp_path, write_dataset):
    """Two classes whose labels are exchanged are taken for each other."""
    images, labels = coloured(300, 16, 0)
    classes = list(COLOURS)
    exchanged = torch.tensor([1, 0, 2, 3])[labels]
    dataset = write_dataset(tmp_path / "exchanged", "folders", images, exchanged, classes)
    result = run_zeroshot(settings(synthetic=dataset, data=real))
    rows = {row.class_name: row.accuracy for row in result.test.per_class}
    assert max(rows[classes[0]], rows[classes[1]]) < 0.1 < min(rows[classes[2]], rows[classes[3]])


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"encoder": None, "synthetic": "x"}, "'gaussians' was given without an encoder"),
        ({}, "'gaussians' was given no synthetic images to fit to: name a finished run"),
        ({"run": "x", "synthetic": "x"}, "was given two sources of synthetic images"),
        ({"synthetic": "x", "propose": 3}, "and propose, which it has no use for"),
        ({"synthetic": "x", "classifier": "encoder"}, "but no classifier that is fitted to them"),
        ({"run": "x", "synthetic_split": "train"}, "--synthetic-split was given without --synth"),
    ],
)
def test_what_does_not_go_together_is_refused(changes, complaint):
    with pytest.raises(InputError, match=complaint):
        settings(**changes)


def test_an_unfinished_run_is_refused(finished, tmp_path, real):
    for name in ("classifier.json", "classifier.safetensors", "config.yaml"):
        (tmp_path / name).write_bytes((finished / name).read_bytes())
    with pytest.raises(InputError, match="is not finished: continue it with"):
        run_zeroshot(settings(run=str(tmp_path), data=real))
