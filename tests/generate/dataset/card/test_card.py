"""The card as the hub's own library and `datasets` read it, and as readers see it."""

import datasets
import pytest
import yaml
from huggingface_hub import DatasetCard
from markdown_it import MarkdownIt

from zeroreal.generate.dataset.card.card import dataset_card
from zeroreal.generate.dataset.card.facts import (
    ClassFacts,
    RecipeFacts,
    RecipePart,
    size_category,
)
from zeroreal.generate.dataset.card.licence import licences
from zeroreal.generate.dataset.card.loading import loading
from zeroreal.generate.dataset.commit.record import FileFacts

FORMATS = ("webdataset", "parquet", "folder", "npy")
NASTY = ("| <script>", "---")


@pytest.mark.parametrize("shard_format", FORMATS)
def test_the_hubs_library_reads_the_front_matter(shard_format, card_facts):
    card = DatasetCard(dataset_card(card_facts(shard_format, files={"a": FileFacts(70, "0")})))
    data = card.data.to_dict()
    assert data["pretty_name"] == "Boots and bags"
    assert data["license"] == "creativeml-openrail-m"
    assert data["task_categories"] == ["image-classification"]
    assert data["size_categories"] == ["n<1K"]
    split = data["dataset_info"]["splits"]
    assert split == [{"name": "train", "num_bytes": 70, "num_examples": 4}]


def test_a_licence_that_the_hub_has_no_name_for_is_given_with_name_and_link(card_facts):
    facts = card_facts()
    licence = licences()["sai-nc-community"]
    model = type(facts.model)("m", "0", licence)
    data = DatasetCard(dataset_card(card_facts(model=model))).data
    assert (data.license, data.license_name) == ("other", "sai-nc-community")
    assert data.license_link == licence.link


@pytest.mark.parametrize("shard_format", FORMATS)
def test_datasets_loads_the_folder_by_its_card(shard_format, dataset, tmp_path):
    folder, facts = dataset(shard_format)
    (folder / "README.md").write_text(dataset_card(facts), encoding="utf-8")
    found = datasets.load_dataset(str(folder), cache_dir=str(tmp_path / "cache"), split="train")
    label = "cls" if shard_format == "webdataset" else "label"
    assert found.features[label].names == ["ankle boot", "bag"]
    assert sorted(found[label]) == [0, 0, 1, 1]
    if shard_format != "npy":
        image = "jpg" if shard_format == "webdataset" else "image"
        for row in found:
            red, _, blue = row[image].getpixel((8, 8))
            assert (red < blue) == (row[label] == 1)
    if shard_format != "folder":
        known = found["json"] if shard_format == "webdataset" else found
        assert sorted(one["seed"] for one in known) == [2**62 + i for i in range(4)]


def body(card):
    return card.split("\n---\n", 1)[1]


def test_what_users_write_stays_text(card_facts):
    facts = card_facts(names=NASTY, command="zeroreal generate --classes '```<b>'")
    card = dataset_card(facts)
    names = yaml.safe_load(card[4 : card.index("\n---\n")])
    labels = names["dataset_info"]["features"][1]["dtype"]["class_label"]["names"]
    assert list(labels.values()) == list(NASTY)
    html = MarkdownIt("gfm-like", {"linkify": False}).render(body(card))
    assert "<script>" not in html
    assert "<b>" not in html
    assert "<td>| &lt;script&gt;</td>" in html
    assert "<td>---</td>" in html


def test_the_card_says_what_there_is_and_how_it_came_about(card_facts):
    card = body(dataset_card(card_facts()))
    for said in (
        "zeroreal generate --classes 'ankle boot,bag' --out boots",
        "| a {domain} of a {class} | photo, sketch | 1 to 5 | blurry |",
        "| commercial use of the images | yes, with use restrictions |",
        "| steps | 12 |",
        "| 2 | cpu | torch | fp32 | 8 | Pillow |",
        "| 0 | ankle boot | ankle boot worn | 2 | – |",
        "| 1 | bag | bag | 2 | blank 1 |",
        "1 image was made again from other noise (blank 1)",
        "1 image was kept without passing, at the last attempt (duplicate 1)",
        "samples.png",
    ):
        assert said in card
    assert "node1" not in card  # hosts are nobody's business


def test_attributes_have_a_column_where_a_recipe_has_some(card_facts):
    parts = (
        RecipePart("a {class}", "2"),
        RecipePart("a {attribute} {class}", "1", attributes=("red", "old (weight 2)")),
    )
    card = body(dataset_card(card_facts(recipe=RecipeFacts("own", "", parts, ()))))
    assert (
        "| prompts | domains | attributes | guidance | negative prompt |\n"
        "| --- | --- | --- | --- | --- |\n"
        "| a {class} | – | – | 2 | – |\n"
        "| a {attribute} {class} | – | red, old (weight 2) | 1 | – |\n" in card
    )
    assert "attributes" not in body(dataset_card(card_facts()))


def test_many_classes_are_folded(card_facts):
    classes = tuple(ClassFacts(f"class {i}", f"class {i}", 1) for i in range(1000))
    card = body(dataset_card(card_facts(classes=classes)))
    assert "<details><summary>1,000 classes</summary>" in card
    assert "| 999 | class 999 | class 999 | 1 | – |" in card
    assert "<details>" not in body(dataset_card(card_facts()))


def test_a_published_dataset_is_loaded_by_its_name(card_facts):
    card = dataset_card(card_facts(url="hf://datasets/me/boots"))
    assert 'datasets.load_dataset("me/boots", split="train")' in card


@pytest.mark.parametrize("shard_format", FORMATS)
def test_the_code_that_loads_it_is_code(shard_format, card_facts):
    for block in loading(card_facts(shard_format)):
        language, _, code = block.strip("`\n").partition("\n")
        if language == "python":
            compile(code, "card", "exec")


@pytest.mark.parametrize(
    ("images", "category"),
    [
        (0, "n<1K"),
        (999, "n<1K"),
        (1_000, "1K<n<10K"),
        (99_999, "10K<n<100K"),
        (2_000_000, "1M<n<10M"),
        (10**12, "n>1T"),
    ],
)
def test_sizes_are_the_hubs_words(images, category):
    assert size_category(images) == category
