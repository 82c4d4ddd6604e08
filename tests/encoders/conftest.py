"""Tiny dual encoders, each made once."""

import pytest
from tiny_encoders import save_open_clip, save_transformers


@pytest.fixture(scope="session")
def saved(tmp_path_factory):
    """A function that gives the folder of a `transformers` model of one family."""
    made = {}

    def folder(kind):
        if kind not in made:
            made[kind] = save_transformers(kind, tmp_path_factory.mktemp(kind))
        return made[kind]

    return folder


@pytest.fixture(scope="session")
def saved_open_clip(tmp_path_factory):
    """A function that gives the folder of an `open_clip` model of one kind."""
    pytest.importorskip("open_clip")
    made = {}

    def folder(kind):
        if kind not in made:
            made[kind] = save_open_clip(kind, tmp_path_factory.mktemp("open-clip"))
        return made[kind]

    return folder
