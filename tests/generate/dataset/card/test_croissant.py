"""Croissant metadata, read by MLCommons' own library."""

import json

import mlcroissant
import pytest
from mlcroissant._src.operation_graph.operations import extract

from zeroreal.generate.dataset.card.croissant import MOST_FILES, croissant
from zeroreal.generate.dataset.commit.record import FileFacts

FORMATS = ("webdataset", "parquet", "folder", "npy")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    """Archives are unpacked below a folder that is settled at import."""
    monkeypatch.setattr(extract, "EXTRACT_PATH", extract.epath.Path(tmp_path / "extracted"))


def opened(folder, facts):
    path = folder / "croissant.json"
    path.write_text(json.dumps(croissant(facts)), encoding="utf-8")
    return mlcroissant.Dataset(jsonld=path)


@pytest.mark.parametrize("shard_format", FORMATS)
def test_the_metadata_of_each_format_is_without_errors_and_warnings(shard_format, dataset):
    found = opened(*dataset(shard_format))
    assert found.metadata.issues.errors == set()
    assert found.metadata.issues.warnings == set()


@pytest.mark.parametrize("shard_format", FORMATS)
def test_what_is_known_of_each_image_can_be_read(shard_format, dataset, rows):
    records = sorted(
        opened(*dataset(shard_format)).records("default"), key=lambda one: one["default/index"]
    )
    assert [record["default/prompt"].decode() for record in records] == [
        row["prompt"] for row in rows(("ankle boot", "bag"))
    ]
    assert [record["default/label"] for record in records] == [0, 1, 0, 1]
    assert [record["default/seed"] for record in records] == [2**62 + i for i in range(4)]
    assert [len(record["default/rejected"]) for record in records] == [0, 1, 0, 0]


@pytest.mark.parametrize("shard_format", ["webdataset", "parquet", "folder"])
def test_each_picture_comes_with_what_is_known_of_it(shard_format, dataset):
    records = list(opened(*dataset(shard_format)).records("default"))
    assert len(records) == 4
    for record in records:
        picture = record["default/image"]
        assert picture.size == (16, 16)
        red, _, blue = picture.getpixel((8, 8))
        assert (red < blue) == (record["default/label"] == 1)


def test_classes_are_an_enumeration(dataset):
    records = list(opened(*dataset("parquet", ("| <script>", "---"))).records("labels"))
    assert [(one["labels/label"], one["labels/name"]) for one in records] == [
        (0, "| <script>"),
        (1, "---"),
    ]


def test_files_are_named_with_their_digests(dataset):
    _, facts = dataset("webdataset")
    entries = {entry["@id"]: entry for entry in croissant(facts)["distribution"]}
    for name, known in facts.files.items():
        assert entries[name]["sha256"] == known.sha256


@pytest.mark.parametrize("shard_format", FORMATS)
def test_of_too_many_files_only_a_glob_is_given(shard_format, card_facts):
    suffix = {"webdataset": "tar", "parquet": "parquet", "npy": "npy", "folder": "parquet"}
    files = {f"{i}.{suffix[shard_format]}": FileFacts(1, "0" * 64) for i in range(MOST_FILES + 1)}
    facts = card_facts(shard_format, files=files)
    content = croissant(facts)
    assert {entry["@type"] for entry in content["distribution"]} == {"cr:FileSet"}
    assert mlcroissant.Dataset(jsonld=content).metadata.issues.errors == set()


def test_the_licence_and_the_creator_are_named(card_facts):
    content = croissant(card_facts())
    assert content["license"] == "https://huggingface.co/spaces/CompVis/stable-diffusion-license"
    assert content["creator"]["name"] == "zeroreal 0.1.0"
