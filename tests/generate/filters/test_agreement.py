"""Agreement with the class: by the texts of the image's own domain, and what is refused."""

from dataclasses import replace
from math import nan

import pytest
import torch

from zeroreal.base import InputError
from zeroreal.encoders import ZeroShotClassifier, load_encoder
from zeroreal.generate import (
    AgreementFilter,
    Recipe,
    SamplePlan,
    SampleSpec,
    load_recipe,
    parse_classes,
)

CLASSES = parse_classes(["bag", "coat", "ankle boot", "dress"])
PLAIN = Recipe(prompt="a {class}")


class Seeing:
    """An encoder for which an image shows the class that its first value says, or none at all."""

    scale = 5.0

    def embed_texts(self, texts):
        self.texts = texts
        return torch.eye(len(CLASSES)).repeat(len(texts) // len(CLASSES), 1)

    def embed_images(self, images):
        return torch.eye(len(CLASSES) + 1)[images[:, 0, 0, 0].long(), : len(CLASSES)]


@pytest.fixture(scope="module")
def embedded():
    return load_encoder("embedded", torch.device("cpu"))


def showing(*values):
    return torch.tensor(values, dtype=torch.uint8)[:, None, None, None].expand(-1, 4, 4, 3)


def specs_of(*labels):
    return [
        SampleSpec(n, label, "a", "", 1.0, 0, template="a {class}")
        for n, label in enumerate(labels)
    ]


def test_an_image_is_compared_with_the_texts_of_its_own_domain(embedded, generator):
    recipe = load_recipe("merged")
    specs = SamplePlan(recipe, CLASSES, 40, seed=1)[:40]
    images, _ = generator(steps=2).images(specs)
    score = AgreementFilter(embedded, recipe, CLASSES)(images, specs).score
    names = [item.prompt for item in CLASSES]
    other = 0
    for image, spec, found in zip(images, specs, score.tolist(), strict=True):
        template = spec.template.replace("{domain}", spec.domain)
        expected = ZeroShotClassifier(embedded, names, [template])(image[None])[0, spec.label]
        assert found == pytest.approx(float(expected), abs=1e-5)
        plain = ZeroShotClassifier(embedded, names, ["a photo of a {class}"])(image[None])
        other += abs(float(plain[0, spec.label]) - found) > 0.01
    assert other > 3


def test_the_texts_are_the_prompts_of_the_plan():
    recipe, encoder = load_recipe("merged"), Seeing()
    AgreementFilter(encoder, recipe, CLASSES)
    assert set(encoder.texts) == {spec.prompt for spec in SamplePlan(recipe, CLASSES, 60)}
    assert len(encoder.texts) == len(CLASSES) * 12


def test_an_image_that_looks_like_no_class_more_than_another_is_just_kept():
    ours = AgreementFilter(Seeing(), PLAIN, CLASSES)
    verdict = ours(showing(0, 0, 2, 4), specs_of(0, 1, 2, 3))
    assert verdict.keep.tolist() == [True, False, True, True]
    sure = torch.tensor([5.0, 0, 0, 0]).softmax(0)
    assert verdict.score.tolist() == pytest.approx([*sure[:2].tolist(), float(sure[0]), 0.25])


def test_another_probability_can_be_asked_for():
    images, specs = showing(0, 4), specs_of(0, 1)
    for least, kept in ((0.2, [True, True]), (0.3, [True, False]), (0.99, [False, False])):
        assert AgreementFilter(Seeing(), PLAIN, CLASSES, least)(images, specs).keep.tolist() == kept


@pytest.mark.parametrize("least", [0, 1, -0.1, 1.5, nan])
def test_a_probability_that_all_or_none_have_is_refused(least):
    with pytest.raises(InputError, match="must be above 0 and below 1"):
        AgreementFilter(Seeing(), PLAIN, CLASSES, least)


def test_prompts_of_a_file_say_nothing_of_other_classes(tmp_path):
    (tmp_path / "mine.csv").write_text("class,prompt\nbag,a bag on a chair\n")
    (tmp_path / "merged.yaml").write_text("merge: [base, mine.csv]\n")
    with pytest.raises(InputError, match=r"prompts of file '.*mine\.csv' are of one class each"):
        AgreementFilter(Seeing(), load_recipe(tmp_path / "merged.yaml"), CLASSES)


def test_images_of_another_recipe_are_refused():
    ours, (spec,) = AgreementFilter(Seeing(), PLAIN, CLASSES), specs_of(0)
    with pytest.raises(InputError, match="of image 0 is of another recipe"):
        ours(showing(0), [replace(spec, domain="sketch")])


def test_texts_that_are_too_long_are_told_of_once_with_their_number(embedded, caplog):
    embedded.long_texts = 0
    long = Recipe(prompt="{domain} a {class}" + " and so on" * 40, domains=("one", "two"))
    ours = AgreementFilter(embedded, long, CLASSES)
    specs = SamplePlan(long, CLASSES, 2)[:8]
    images = torch.zeros(8, 32, 32, 3, dtype=torch.uint8)
    ours(images, specs)
    ours(images, specs)
    assert caplog.text.count("8 of 8 texts are longer than the") == 1
    assert caplog.text.count("longer than") == 1
    assert embedded.long_texts == 8


def test_attributes_and_languages_are_those_of_the_image_too(tmp_path):
    (tmp_path / "de.json").write_text(
        '{"bag": "Tasche", "coat": "Mantel", "ankle boot": "Stiefel", "dress": "Kleid"}'
    )
    (tmp_path / "de.yaml").write_text('prompt: "ein Bild: {class}"\nlanguage: de\nnames: de.json\n')
    (tmp_path / "old.yaml").write_text('prompt: "a {attribute} {class}"\nattributes: [old, red]\n')
    (tmp_path / "both.yaml").write_text("merge: [de.yaml, old.yaml]\n")
    recipe = load_recipe(str(tmp_path / "both.yaml"))
    seeing = Seeing()
    judge = AgreementFilter(seeing, recipe, CLASSES)
    assert seeing.texts == [
        *("ein Bild: Tasche", "ein Bild: Mantel", "ein Bild: Stiefel", "ein Bild: Kleid"),
        *("an old bag", "an old coat", "an old ankle boot", "an old dress"),
        *("a red bag", "a red coat", "a red ankle boot", "a red dress"),
    ]
    specs = list(SamplePlan(recipe, CLASSES, 4))
    right = judge(showing(*(spec.label for spec in specs)), specs)
    assert right.keep.all()
    assert not judge(showing(*((spec.label + 1) % 4 for spec in specs)), specs).keep.any()


def test_other_classes_get_the_attribute_of_the_image_where_each_has_its_own(tmp_path):
    path = tmp_path / "own.yaml"
    own = "{bag: [old], coat: [wet], ankle boot: [old], dress: [wet]}"
    path.write_text(f'prompt: "a {{attribute}} {{class}}"\nattributes: {own}\n')
    seeing = Seeing()
    judge = AgreementFilter(seeing, load_recipe(path), CLASSES)
    assert seeing.texts == [
        *("an old bag", "an old coat", "an old ankle boot", "an old dress"),
        *("a wet bag", "a wet coat", "a wet ankle boot", "a wet dress"),
    ]
    specs = list(SamplePlan(load_recipe(path), CLASSES, 2))
    assert judge(showing(*(spec.label for spec in specs)), specs).keep.all()
    assert not judge(showing(*((spec.label + 1) % 4 for spec in specs)), specs).keep.any()


def test_two_files_of_names_for_one_template_cannot_be_told_apart(tmp_path):
    for name, word in (("a", "Tasche"), ("b", "Beutel")):
        (tmp_path / f"{name}.json").write_text(
            f'{{"bag": "{word}", "coat": "M", "ankle boot": "S", "dress": "K"}}'
        )
        (tmp_path / f"{name}.yaml").write_text(
            f'prompt: "ein {{class}}"\nlanguage: de\nnames: {name}.json\n'
        )
    (tmp_path / "both.yaml").write_text("merge: [a.yaml, b.yaml]\n")
    recipe = load_recipe(str(tmp_path / "both.yaml"))
    with pytest.raises(InputError, match=r"is in recipe .* twice, with other names"):
        AgreementFilter(Seeing(), recipe, CLASSES)
