"""Making a dataset: going on, extending, joining, and what is refused."""

import threading
from collections import Counter

import pytest
from dataset_jobs import files, generate, interrupt_at, is_sound, press

from zeroreal.base import InputError
from zeroreal.base.settings import build
from zeroreal.data.formats import SHARD_FORMATS
from zeroreal.data.source import load_images
from zeroreal.generate.dataset.commit.workers import read_notes
from zeroreal.generate.dataset.config.settings import DatasetSettings
from zeroreal.generate.dataset.describing import read_records
from zeroreal.generate.dataset.joining import layered
from zeroreal.generate.dataset.making import DatasetInterruptedError, generate_dataset
from zeroreal.generate.dataset.opening import open_dataset
from zeroreal.generate.dataset.store.store import PENDING, LocalStore


@pytest.mark.parametrize("shard_format", SHARD_FORMATS)
def test_a_dataset_is_made_whole(tmp_path, generator, small_settings, shard_format):
    result = generate(small_settings(format=shard_format), tmp_path)
    assert (result.images, result.total, result.made) == (24, 24, 3)
    assert is_sound(tmp_path)
    assert generator.generated == list(range(24))
    assert list((tmp_path / PENDING).iterdir()) == []


def test_the_same_command_goes_on_where_it_was(tmp_path, generator, small_settings, content):
    generator.on_batch = interrupt_at(3)  # the second shard is half made
    with pytest.raises(DatasetInterruptedError, match="8 of 24 images"):
        generate(small_settings(), tmp_path / "stopped")
    generator.on_batch = lambda specs: None
    generator.generated.clear()
    result = generate(small_settings(), tmp_path / "stopped")
    assert generator.generated == list(range(8, 24))
    assert (result.images, result.made) == (24, 2)
    generate(small_settings(), tmp_path / "whole")
    assert content(tmp_path / "stopped") == content(tmp_path / "whole")


def test_a_finished_dataset_is_left_as_it_is(tmp_path, generator, small_settings, content):
    generate(small_settings(), tmp_path)
    before = content(tmp_path)
    assert generate(small_settings(), tmp_path).made == 0
    assert content(tmp_path) == before
    assert len(generator.generated) == 24


def test_ctrl_c_commits_what_is_generated_and_leaves_nothing_pending(
    tmp_path, generator, small_settings
):
    generator.on_batch = interrupt_at(5)
    with pytest.raises(DatasetInterruptedError, match=r"^interrupted with 16 of 24 images in "):
        generate(small_settings(), tmp_path)
    assert len(list(tmp_path.glob("*.tar"))) == 2
    assert LocalStore(tmp_path).folders(PENDING) == []
    assert all(note.ended for note in read_notes(LocalStore(tmp_path)))


def test_ctrl_c_before_a_dataset_is_begun_is_no_mistake_of_the_user(
    tmp_path, monkeypatch, small_settings
):
    monkeypatch.setattr("zeroreal.generate.dataset.opening.make_generator", press)
    with pytest.raises(DatasetInterruptedError, match="0 of 24 images"):
        generate(small_settings(), tmp_path)


OTHERWISE = {
    "steps": ({"steps": 2}, "generate.steps is 2 here and 1 there"),
    "recipe": ({"recipe": "base"}, "recipe is .* here and .* there"),
    "classes": (
        {"classes": ("bag", "coat", "hat")},
        r"classes is .*'hat'.* here and .*'dress'.* there",
    ),
    "order of classes": ({"classes": ("coat", "bag", "dress")}, "classes is "),
    "seed": ({"seed": 1}, "seed is 1 here and 0 there"),
    "format": ({"format": "npy"}, "format is 'npy' here and 'webdataset' there"),
    "image format": ({"image_format": "jpg"}, "image_format is 'jpg' here and 'png' there"),
    "shard size": ({"shard_size": 4}, "shard_size is 4 here and 8 there"),
    "precision": ({"precision": "bf16"}, "precision is 'bf16' here and 'fp32' there"),
    "image size": ({"image_size": 8}, "image_size is 8 here and 16 there"),
    "duplicates": ({"near_duplicates": 4}, "near_duplicates is 4 here and None there"),
    "negative prompt": ({"negative_prompt": "text"}, "negative_prompt is 'text' here and None"),
    "images": ({"images_per_class": 9}, "9 images of each class were asked for, .* has 8"),
}


@pytest.mark.parametrize("what", OTHERWISE)
def test_another_configuration_is_refused_with_the_difference_and_changes_nothing(
    tmp_path, generator, small_settings, what
):
    generate(small_settings(), tmp_path)
    before = files(tmp_path)
    changes, said = OTHERWISE[what]
    with pytest.raises(InputError, match=said):
        generate(small_settings(**changes), tmp_path)
    assert files(tmp_path) == before


def test_another_model_is_refused_with_the_difference(
    tmp_path, generator, small_settings, tiny_model
):
    generate(small_settings(), tmp_path)
    before = files(tmp_path)
    with pytest.raises(InputError, match=r"model's digest is '.* here and '.* there"):
        generate(small_settings(model=str(tiny_model("sd15"))), tmp_path)
    assert files(tmp_path) == before


def test_what_changes_no_image_may_differ(tmp_path, generator, small_settings):
    generate(small_settings(), tmp_path)
    assert generate(small_settings(batch_size=7, engine="auto"), tmp_path).images == 24


def test_a_settings_file_that_was_changed_is_refused(tmp_path, generator, small_settings):
    store, config = LocalStore(tmp_path / "set"), tmp_path / "mine.yaml"
    config.write_text("generate: {steps: 3}\n")
    generate(small_settings(steps=3), tmp_path / "set")
    assert build(DatasetSettings, layered(store, {}, config)).generate.steps == 3
    config.write_text("generate: {steps: 4}\n")
    with pytest.raises(InputError, match="steps is 4 here and 3 there"):
        generate_dataset(build(DatasetSettings, layered(store, {}, config)), store)


def test_the_settings_file_of_a_run_is_refused_in_a_sentence(tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text("classifier: resnet18\nrecipe_content: {name: base}\n")
    with pytest.raises(InputError, match="'classifier' is not a setting"):
        layered(LocalStore(tmp_path / "set"), {}, config)


def test_nothing_needs_to_be_given_again(tmp_path, generator, small_settings):
    generate(small_settings(steps=3, format="npy", images_per_class=7), tmp_path)
    settings = build(DatasetSettings, layered(LocalStore(tmp_path), {}))
    assert generate(settings, tmp_path).images == 21


def test_a_folder_of_something_else_is_refused_and_stays(tmp_path, generator, small_settings):
    (tmp_path / "holidays").mkdir()
    (tmp_path / "holidays" / "beach.jpg").write_bytes(b"sand")
    with pytest.raises(InputError, match="holds something else, 'holidays' for one"):
        generate(small_settings(), tmp_path)
    assert files(tmp_path) == {(tmp_path / "holidays/beach.jpg").relative_to(tmp_path): b"sand"}


def test_a_file_in_place_of_the_folder_is_refused(tmp_path, generator, small_settings):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(InputError, match="Not a directory"):
        generate(small_settings(), tmp_path / "out")


def test_a_read_only_folder_is_refused(tmp_path, generator, small_settings, monkeypatch):
    def refuse(path, *_, **__):
        raise OSError(30, "Read-only file system", str(path))

    monkeypatch.setattr("pathlib.Path.mkdir", refuse)
    with pytest.raises(InputError, match=r"cannot be written \(Read-only file system\)"):
        generate(small_settings(), tmp_path / "out")


def test_classes_may_have_any_name_in_every_format(tmp_path, generator, small_settings):
    names = ("C", "c", ".net", "AC/DC", "train", "test", "..", "नी\u200dर")
    for shard_format in SHARD_FORMATS:
        folder = tmp_path / shard_format
        generate(small_settings(classes=names, images_per_class=2, format=shard_format), folder)
        assert is_sound(folder)
        found = load_images(folder)
        assert found.classes == names
        assert found.labels.bincount().tolist() == [2] * len(names)
    # Each image is the colour of its number, whose class follows from it.
    numbers = found.images[:, 0, 0, 0].tolist()
    assert [number % len(names) for number in numbers] == found.labels.tolist()
    assert len({path.name for path in (tmp_path / "folder" / "train").iterdir()}) == len(names)


def test_two_runs_at_once_join(tmp_path, monkeypatch, coloured, small_settings, content):
    settings = small_settings(images_per_class=32)
    crew = [coloured(), coloured()]
    barrier = threading.Barrier(2, timeout=60)
    for one in crew:
        one.on_batch = lambda specs: barrier.wait() if specs[0].index < 8 else None
    waiting = iter(crew)
    monkeypatch.setattr(
        "zeroreal.generate.dataset.opening.make_generator", lambda *_: next(waiting)
    )
    # Both begin with the first shard: neither sees the other's note in time.
    monkeypatch.setattr(
        "zeroreal.generate.dataset.commit.missing.shards_of_others", lambda *_: set()
    )
    results = []
    threads = [
        threading.Thread(target=lambda: results.append(generate(settings, tmp_path / "set")))
        for _ in crew
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [result.images for result in results] == [96, 96]
    assert sum(result.made for result in results) == 12  # each shard once
    assert {0, 1, 2, 3} <= set(crew[0].generated) & set(crew[1].generated)
    assert is_sound(tmp_path / "set")
    waiting = iter([coloured()])
    generate(settings, tmp_path / "alone")
    assert content(tmp_path / "set") == content(tmp_path / "alone")


@pytest.mark.parametrize("changes", [{"steps": 2}, {"images_per_class": 9}])
def test_of_two_that_begin_one_folder_at_once_otherwise_one_is_refused(
    tmp_path, monkeypatch, coloured, small_settings, changes
):
    def make(*_):  # while it does, the other begins
        monkeypatch.setattr(
            "zeroreal.generate.dataset.opening.make_generator", lambda *_: coloured()
        )
        generate(small_settings(), tmp_path)
        return coloured()

    monkeypatch.setattr("zeroreal.generate.dataset.opening.make_generator", make)
    with pytest.raises(InputError, match=r"steps is 2 here|9 images of each class"):
        generate(small_settings(**changes), tmp_path)
    assert is_sound(tmp_path)


def test_images_made_again_are_counted_and_classes_stay_balanced(
    tmp_path, generator, small_settings
):
    generator.again = {1: ("blank",), 4: ("blank", "duplicate"), 23: ("duplicate",)}
    result = generate(small_settings(), tmp_path)
    assert result.rejected == "blank 2, duplicate 2"
    store = LocalStore(tmp_path)
    records = read_records(store, open_dataset(store, small_settings()).config)
    assert [record.rejected for record in records] == [
        {"coat": {"blank": 2, "duplicate": 1}},
        {},
        {"dress": {"duplicate": 1}},
    ]
    images = sum((Counter(record.classes) for record in records), Counter())
    assert images == {"bag": 8, "coat": 8, "dress": 8}


def test_an_image_that_is_blank_at_each_attempt_ends_the_work_with_a_sentence(
    tmp_path, generator, small_settings
):
    generator.blank = (13,)
    with pytest.raises(InputError) as raised:
        generate(small_settings(most_attempts=3), tmp_path)
    said = str(raised.value)
    assert said.startswith("image 13 of class 'coat' ('")
    assert "coat" in said.partition("('")[2]
    assert "at each of 3 attempts: change that prompt" in said
    assert len(list(tmp_path.glob("*.tar"))) == 1
    assert LocalStore(tmp_path).folders(PENDING) == []
