"""The preview of a dataset: a page and an estimate, and nothing else in its folder."""

import time
from dataclasses import replace
from types import SimpleNamespace

import pytest

from zeroreal.base import InputError
from zeroreal.generate import Generator
from zeroreal.generate.dataset import preview as module
from zeroreal.generate.dataset.making import generate_dataset
from zeroreal.generate.dataset.preview import preview_dataset
from zeroreal.generate.dataset.store.places import open_store
from zeroreal.generate.dataset.store.store import LocalStore


class Paced(Generator):
    """A generator whose batches take a tenth of a second longer."""

    def generate(self, specs, **options):
        for batch in super().generate(specs, **options):
            time.sleep(0.1)
            yield batch


@pytest.fixture(autouse=True)
def _paced(monkeypatch, dataset_settings):
    one = Paced(dataset_settings.generate, device="cpu")
    monkeypatch.setattr(module, "make_generator", lambda *others: one)


def names(root):
    return {str(path.relative_to(root)) for path in root.rglob("*")}


def test_a_page_is_written_and_nothing_else(dataset_settings, tmp_path):
    preview_dataset(dataset_settings, LocalStore(tmp_path / "new"), 2)
    assert names(tmp_path) == {"new", "new/preview.html"}


def test_a_dataset_can_be_begun_in_the_same_folder(dataset_settings, tmp_path):
    found = preview_dataset(dataset_settings, LocalStore(tmp_path), 2)
    assert [tile.index for tile in found.tiles] == list(range(6))
    assert generate_dataset(dataset_settings, tmp_path).is_complete


def test_the_preview_of_a_dataset_that_is_there_changes_its_page_alone(
    dataset_copy, dataset_settings
):
    root = dataset_copy("webdataset")
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    preview_dataset(dataset_settings, LocalStore(root), 1)
    changed = {path.name for path, content in before.items() if path.read_bytes() != content}
    assert changed == {"preview.html"}
    assert names(root) == {str(path.relative_to(root)) for path in before} | {
        ".pending",
        ".workers",
    }


def test_the_estimate_is_of_the_whole_dataset(dataset_settings, tmp_path, monkeypatch):
    settings = replace(dataset_settings, images_per_class=1000, format="npy")
    monkeypatch.setattr(module.shutil, "disk_usage", lambda path: SimpleNamespace(free=10**9))
    found = preview_dataset(settings, LocalStore(tmp_path / "deep" / "new"), 4)
    # Three images in a batch, which takes a tenth of a second at least.
    assert 0 < found.estimate.images_per_second <= 30
    assert found.estimate.images == 3000
    assert found.estimate.bytes_per_image > 32 * 32 * 3
    assert found.estimate.free_bytes == 10**9
    assert "commercial" in found.licence.summary
    assert found.licence.summary in (tmp_path / "deep" / "new" / "preview.html").read_text()


def test_several_devices_are_counted_in(dataset_settings, tmp_path):
    one = preview_dataset(dataset_settings, LocalStore(tmp_path), 4).estimate
    settings = replace(dataset_settings, devices=("cpu",) * 10)
    ten = preview_dataset(settings, LocalStore(tmp_path), 4).estimate
    assert ten.images_per_second > 3 * one.images_per_second


def test_of_many_classes_the_first_twenty_are_shown_and_that_is_said(dataset_settings, tmp_path):
    settings = replace(dataset_settings, classes=tuple(f"thing {n}" for n in range(23)))
    found = preview_dataset(settings, LocalStore(tmp_path), 1)
    assert list(found.by_class()) == [f"thing {n}" for n in range(20)]
    assert found.facts()["classes shown"] == "the first 20 of 23"
    assert "the first 20 of 23" in (tmp_path / "preview.html").read_text()


def test_of_a_remote_place_the_free_disk_is_not_known(dataset_settings):
    store = open_store("memory://previews/new")
    found = preview_dataset(dataset_settings, store, 1)
    assert found.estimate.free_bytes is None
    assert found.facts()["disk free"] == "not known"
    assert store.names() == ["preview.html"]
    assert found.page == "memory://previews/new/preview.html"


def test_no_images_are_too_few(dataset_settings, tmp_path):
    with pytest.raises(InputError, match="preview is 0: at least 1 image of each class"):
        preview_dataset(dataset_settings, LocalStore(tmp_path), 0)


def test_a_folder_of_something_else_is_refused(dataset_settings, tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match="holds something else"):
        preview_dataset(dataset_settings, LocalStore(tmp_path), 1)
