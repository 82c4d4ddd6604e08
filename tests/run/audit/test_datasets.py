"""Auditing datasets that are there: a poisoned one is caught, and what is wrong is said."""

import json

import numpy as np
import pytest
import torch
from coloured import COLOURS, coloured
from scipy.stats import beta

from zeroreal.assets import FASHION_MNIST_TEST
from zeroreal.assets.embedded import EMBEDDED_CLASSES
from zeroreal.base import InputError
from zeroreal.data import load_images
from zeroreal.generate import parse_classes
from zeroreal.run import AuditSettings, run_audit

NAMES = tuple(COLOURS)


def audited(tmp_path, *candidates, **changes):
    settings = AuditSettings(
        candidates=candidates,
        **{"classes": NAMES, "encoder": "colours", "device": "cpu", "neighbours": 3, **changes},
    )
    return run_audit(settings, tmp_path / "out")


@pytest.fixture
def poisoned(dataset):
    """Images of four colours, but those of the class blue are green."""
    images, labels = coloured(40, 8)
    images[labels == 2] = coloured(40, 8, seed=1)[0][labels == 1]
    return dataset("poisoned", images, labels)


def test_a_class_with_another_s_images_is_named(poisoned, dataset, colour_encoder, tmp_path):
    sound = dataset("sound", *coloured(40, 8))
    found = audited(tmp_path, f"images={sound}", f"images={poisoned}")
    assert colour_encoder == ["colours"]
    (sentence,) = found.warnings
    assert sentence.startswith(
        f"images={poisoned}: 100% of the images of 'blue' look like 'green', 0% like their own"
    )
    good, bad = found.candidates
    assert [one.agreement.by_class[2] for one in (good, bad)] == [1, 0]
    content = json.loads((tmp_path / "out" / "audit.json").read_text())
    assert content["warnings"] == [sentence]
    page = (tmp_path / "out" / "audit.html").read_text()
    assert "100% of the images of &#39;blue&#39; look like &#39;green&#39;" in page


def test_the_encoder_that_ships_catches_real_images_of_another_class(write_dataset, tmp_path):
    names = [item.name for item in parse_classes(EMBEDDED_CLASSES)]
    real = load_images(FASHION_MNIST_TEST, 32, names)
    rows = [(real.labels == label).nonzero()[:12, 0] for label in range(10)]
    rows[names.index("coat")] = (real.labels == names.index("bag")).nonzero()[20:32, 0]
    labels = torch.arange(10).repeat_interleave(12).tolist()
    folder = tmp_path / "garments"
    write_dataset(folder, "folders", real.images[torch.cat(rows)], labels, names)
    settings = {"classes": EMBEDDED_CLASSES, "encoder": None}
    (sentence,) = audited(tmp_path, f"images={folder}", **settings).warnings
    assert "of the images of 'coat' look like 'bag'" in sentence


def test_without_real_images_only_what_needs_none_is_told(dataset, colour_encoder, tmp_path):
    found = audited(tmp_path, f"images={dataset('sound', *coloured(40, 8))}")
    (one,) = found.candidates
    assert (one.nearness, one.equal_time, one.accuracies) == (None, None, ())
    assert (one.images, one.images_per_second) == (40, None)
    assert one.vendi > 1
    assert found.notes[0].startswith("there are no real images to compare with")
    assert (found.best, found.command) == (None, None)
    assert not (tmp_path / "out" / "recipe.yaml").exists()


def test_validation_images_train_a_classifier_and_are_the_reference(
    poisoned, dataset, colour_encoder, tmp_path
):
    real, sound = dataset("real", *coloured(40, 8, 5)), dataset("sound", *coloured(80, 8))
    found = audited(
        tmp_path, f"images={sound}", f"images={poisoned}", data=real, epochs=4, training_seeds=2
    )
    good, bad = found.candidates
    assert (found.reference, found.reference_images) == (real, 40)
    assert found.real_agreement.share > 0.8
    assert good.nearness.coverage > bad.nearness.coverage > 0
    assert len(good.accuracies) == 2
    assert good.accuracy > bad.accuracy
    for one in found.candidates:
        right = [round(share * 40) for share in one.accuracies]
        expected = np.mean([beta.ppf(0.05 / 4, count, 41 - count) for count in right])
        assert one.accuracy_bound == pytest.approx(expected)
    assert "the binomial bound of 40 images at risk 0.05 / 4" in found.bound_note
    content = json.loads((found.folder / "audit.json").read_text())
    assert content["accuracy_bound"] == found.bound_note
    assert content["candidates"][0]["accuracy_bound"] == good.accuracy_bound
    page = (found.folder / "audit.html").read_text()
    assert f"{100 * good.accuracy_bound:.1f}\N{NO-BREAK SPACE}%" in page
    assert "for all 2 candidates together" in page
    assert found.command is None  # datasets are there already: nothing is to be run


def test_no_more_images_are_taken_than_asked_for_and_as_many_of_each_class(
    dataset, colour_encoder, tmp_path
):
    sound = dataset("sound", *coloured(80, 8))
    found = audited(tmp_path, f"images={sound}", images_per_class=3)
    assert found.candidates[0].images == 12
    assert None not in found.candidates[0].agreement.by_class


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"reference": "nowhere"}, "'nowhere' does not exist"),
        ({"data": "nowhere"}, "'nowhere' does not exist"),
        ({"reference": "{few}"}, "4 real images have no 5 neighbours each: give at least 6"),
        ({"classes": ("red", "green")}, "blue"),
        ({"classes": ("red",)}, "has 1 classes, at least 2"),
        ({"captions": "nowhere"}, "caption corpus 'nowhere' cannot be read"),
    ],
)
def test_what_cannot_be_used_is_refused(changes, complaint, dataset, colour_encoder, tmp_path):
    few, sound = dataset("few", *coloured(4, 8)), dataset("sound", *coloured(40, 8))
    changes = {name: few if value == "{few}" else value for name, value in changes.items()}
    with pytest.raises(InputError, match=complaint):
        audited(tmp_path, f"images={sound}", **{"neighbours": 5, **changes})


def test_the_encoder_that_ships_serves_its_own_classes_only(tmp_path):
    with pytest.raises(InputError, match="embedded model's ten garments and not 'red'"):
        audited(tmp_path, "base", encoder=None)


def test_an_encoder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match="'no-encoder'"):
        audited(tmp_path, "base", encoder="no-encoder")


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"candidates": ()}, "there are no candidates to audit"),
        ({"images_per_class": 0}, "images per class is 0: at least 1"),
        ({"neighbours": 0}, "neighbours is 0: at least 1"),
        ({"epochs": 0}, "epochs is 0: at least 1"),
        ({"training_seeds": 0}, "training seeds is 0: at least 1"),
        ({"seed": -1}, "seed -1 is outside"),
    ],
)
def test_values_out_of_range_are_refused(changes, complaint):
    with pytest.raises(InputError, match=complaint):
        AuditSettings(**changes)


@pytest.mark.parametrize(("share", "told"), [(0.95, True), (0.01, False), (None, False)])
def test_a_machine_with_other_work_is_told_of(
    share, told, dataset, colour_encoder, tmp_path, monkeypatch
):
    monkeypatch.setattr("zeroreal.run.audit.start.busy_share", lambda look: share)
    found = audited(tmp_path, f"images={dataset('sound', *coloured(40, 8))}")
    assert any("was busy when the audit began (95 %" in one for one in found.notes) == told


def test_the_names_of_classes_are_compared(dataset, colour_encoder, tmp_path):
    found = audited(tmp_path, f"images={dataset('sound', *coloured(40, 8))}")
    assert len(found.pairs) == 6
    cosines = [pair.cosine for pair in found.pairs]
    assert cosines == sorted(cosines, reverse=True)
    assert torch.tensor(cosines).abs().max() <= 1
