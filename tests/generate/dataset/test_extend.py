"""Extending a dataset by further images of each class."""

import pytest
from dataset_jobs import files, generate, interrupt_at, is_sound, press

from zeroreal.base import InputError
from zeroreal.base.settings import build
from zeroreal.generate.dataset.config.settings import DatasetSettings
from zeroreal.generate.dataset.job import make_dataset
from zeroreal.generate.dataset.joining import layered
from zeroreal.generate.dataset.making import DatasetInterruptedError
from zeroreal.generate.dataset.opening import open_dataset
from zeroreal.generate.dataset.store.store import LocalStore


def test_extending_adds_images_and_leaves_those_that_are_there(
    tmp_path, generator, small_settings, content
):
    generate(small_settings(images_per_class=5), tmp_path)
    before = content(tmp_path)
    result = generate(small_settings(images_per_class=5), tmp_path, extend=3)
    assert (result.images, result.total, result.made) == (24, 24, 2)
    after = content(tmp_path)
    assert {name: after[name] for name in before} == before
    assert is_sound(tmp_path)
    assert "24" in (tmp_path / "README.md").read_text()


@pytest.mark.parametrize("batches", [0, 1, 2])
def test_an_extension_that_was_interrupted_goes_on_when_given_again(
    tmp_path, generator, small_settings, batches
):
    generate(small_settings(), tmp_path)
    generator.on_batch = interrupt_at(batches)
    with pytest.raises(DatasetInterruptedError):
        generate(small_settings(), tmp_path, extend=4)
    generator.on_batch = lambda specs: None
    assert generate(small_settings(), tmp_path, extend=4).total == 36
    assert is_sound(tmp_path)


def test_an_extension_whose_last_shard_was_there_is_not_made_twice(
    tmp_path, generator, small_settings, monkeypatch
):
    generate(small_settings(), tmp_path)
    dataset = open_dataset(LocalStore(tmp_path), small_settings(), extend=4)
    with monkeypatch.context() as patch:
        patch.setattr("zeroreal.generate.dataset.job.write_card", press)
        with pytest.raises(KeyboardInterrupt):
            make_dataset(dataset)
    assert generate(small_settings(), tmp_path, extend=4).total == 36
    assert generate(small_settings(), tmp_path, extend=4).total == 48


def test_extending_what_is_not_complete_is_refused(tmp_path, generator, small_settings):
    generator.on_batch = interrupt_at(3)
    with pytest.raises(DatasetInterruptedError):
        generate(small_settings(), tmp_path)
    before = files(tmp_path)
    with pytest.raises(InputError, match="not complete yet: give the command without --extend"):
        generate(small_settings(), tmp_path, extend=4)
    assert files(tmp_path) == before


def test_extending_nothing_is_refused(tmp_path, generator, small_settings):
    with pytest.raises(InputError, match=r"extend 4 was given, but .* holds no dataset"):
        generate(small_settings(), tmp_path, extend=4)


def test_extending_a_dataset_whose_model_is_gone_says_so_and_changes_nothing(
    tmp_path, generator, small_settings, tiny_model
):
    model = tmp_path / "model"
    model.symlink_to(tiny_model("sd15"))
    link = small_settings(model=str(model))
    generate(link, tmp_path / "set")
    stored = build(DatasetSettings, layered(LocalStore(tmp_path / "set"), {}))
    before = files(tmp_path / "set")
    gone = "zeroreal.generate.dataset.joining.find_model"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gone, lambda name, _: _gone(name))
        with pytest.raises(InputError, match="does not exist"):
            generate(stored, tmp_path / "set", extend=4)
    assert files(tmp_path / "set") == before


def _gone(name):
    from zeroreal.export import find_model

    return find_model(f"{name}/gone")


def test_an_extension_that_another_begins_meanwhile_is_kept(
    tmp_path, monkeypatch, coloured, generator, small_settings
):
    generate(small_settings(), tmp_path)
    (tmp_path / "README.md").unlink()  # else nothing is left to do, and no generator is made

    def make(*_):  # on another device: what it finds is added to the configuration
        (tmp_path / "README.md").touch()
        monkeypatch.setattr(
            "zeroreal.generate.dataset.opening.make_generator", lambda *_: coloured()
        )
        generate(small_settings(), tmp_path, extend=4)
        return coloured()

    monkeypatch.setattr("zeroreal.generate.dataset.opening.make_generator", make)
    assert generate(small_settings(), tmp_path).total == 36
