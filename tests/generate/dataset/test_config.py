"""The configuration in a dataset's folder: one of somebody else is checked."""

import math

import pytest
import yaml

from zeroreal.base import InputError
from zeroreal.generate.dataset.config.config import (
    DatasetConfig,
    read_config,
    read_settings_file,
)
from zeroreal.generate.dataset.config.settings import DatasetSettings
from zeroreal.generate.dataset.store.places import open_store

ABSURD = [
    ("images_per_class", 10),
    ("images_per_class", []),
    ("images_per_class", ["10"]),
    ("images_per_class", [-10]),
    ("settings", ["steps"]),
    ("model_digest", 5),
]
OF_NO_COMMAND = [
    ("version", "1"),
    ("version", [1]),
    ("recipe_content", "base"),
    ("recipe_content", {"guidance": math.nan}),
    ("found", []),
    ("found", {"cpu": 5}),
]


@pytest.fixture
def path(tmp_path):
    """The file of a dataset of ten images a class."""
    path = tmp_path / "dataset.yaml"
    config = DatasetConfig(DatasetSettings(), {"prompt": "a {class}"}, "0" * 64, (10,))
    path.write_bytes(config.content())
    assert read_config(open_store(tmp_path)) == config
    return path


def put(path, field, value):
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), field: value}))


@pytest.mark.parametrize(("field", "value"), [*ABSURD, *OF_NO_COMMAND])
def test_a_value_that_cannot_be_is_told_with_its_field(path, field, value):
    put(path, field, value)
    with pytest.raises(InputError) as caught:
        read_config(open_store(path.parent))
    assert str(path.parent) in str(caught.value)
    assert f"'{field}" in str(caught.value) or f"version {value!r}" in str(caught.value)


@pytest.mark.parametrize(("field", "value"), ABSURD)
def test_it_is_checked_where_it_is_given_to_a_command(path, field, value):
    put(path, field, value)
    with pytest.raises(InputError, match=rf"dataset.yaml' has .* as '{field}"):
        read_settings_file(path)
