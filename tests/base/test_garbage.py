"""Imports and loading without a search for garbage."""

import gc

import pytest

from zeroreal.base.garbage import uncollected


def test_nothing_is_collected_meanwhile_and_then_it_is_again():
    assert gc.isenabled()
    with uncollected():
        assert not gc.isenabled()
        with uncollected():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()


def test_who_switched_it_off_keeps_it_off():
    gc.disable()
    try:
        with uncollected():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_a_function_that_fails_leaves_it_on():
    @uncollected()
    def load():
        assert not gc.isenabled()
        raise KeyError

    for _ in range(2):
        with pytest.raises(KeyError):
            load()
        assert gc.isenabled()
