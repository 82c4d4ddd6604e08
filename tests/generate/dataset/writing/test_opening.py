"""A shard whose folder another worker removes in the moment in which it is opened."""

import shutil

import pytest

from zeroreal.data.formats import SHARD_FORMATS
from zeroreal.generate.dataset.making import generate_dataset
from zeroreal.generate.dataset.store.store import LocalStore


@pytest.mark.parametrize("shard_format", SHARD_FORMATS)
def test_it_is_opened_again(
    tmp_path, generator, small_settings, monkeypatch, shard_format, content
):
    scratch, made = LocalStore.scratch, []

    def removed_once(store, token):
        folder = scratch(store, token)
        if token.endswith(".000001"):
            made.append(folder)
            if len(made) == 1:
                shutil.rmtree(folder)
        return folder

    settings = small_settings(format=shard_format)
    generate_dataset(settings, LocalStore(tmp_path / "whole"))
    monkeypatch.setattr(LocalStore, "scratch", removed_once)
    assert generate_dataset(settings, LocalStore(tmp_path / "set")).images == 24
    assert len(made) > 1
    assert content(tmp_path / "set") == content(tmp_path / "whole")


def test_one_that_is_always_removed_ends_the_work(tmp_path, generator, small_settings, monkeypatch):
    scratch = LocalStore.scratch

    def removed(store, token):
        folder = scratch(store, token)
        if token.endswith(".000001"):
            shutil.rmtree(folder)
        return folder

    monkeypatch.setattr(LocalStore, "scratch", removed)
    with pytest.raises(FileNotFoundError):
        generate_dataset(small_settings(), LocalStore(tmp_path / "set"))
