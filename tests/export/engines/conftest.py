"""A cache of engines for the tests of a file."""

import pytest

from zeroreal.engine import Cache


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return Cache(tmp_path_factory.mktemp("engines"))
