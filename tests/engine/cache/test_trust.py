"""An entry that somebody else can have written does not serve before it is taken over."""

import os
from dataclasses import replace

import pytest

from zeroreal.base import InputError
from zeroreal.engine.cache import Cache
from zeroreal.engine.cache_entry import CacheKey

KEY = CacheKey("torch", "unet", "0123abcd", {}, "torch 2.9", "a CPU", None)
NOBODY = 65534


def build(folder):
    (folder / "weights").mkdir()
    (folder / "package.so").write_bytes(b"code")
    (folder / "weights" / "0.bin").write_bytes(bytes(100))


def must_not_build(folder):
    pytest.fail("there is a good entry")


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path / "cache")


@pytest.fixture
def entry(cache):
    return cache.get(KEY, build)


@pytest.mark.parametrize("umask", [0o002, 0o000])
def test_what_is_built_serves_whatever_the_umask(cache, umask):
    before = os.umask(umask)
    try:
        entry = cache.get(KEY, build)
    finally:
        os.umask(before)
    assert cache.get(KEY, must_not_build) == entry


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("given", [".", "package.so", "entry.json", "weights"])
def test_what_belongs_to_another_user_is_built_again(cache, entry, given, caplog):
    os.chown(entry / given, NOBODY, -1)
    assert cache.find(KEY) is None
    assert f"belongs to user {NOBODY}" in caplog.text
    cache.get(KEY, build)
    assert cache.get(KEY, must_not_build) == entry


def test_entries_of_this_cache_are_taken_over_where_they_lie(cache, entry):
    (entry / "package.so").chmod(0o666)
    assert [one.problem for one in cache.trust(cache.root)] == [None]
    assert cache.get(KEY, must_not_build) == entry
    assert (entry / "package.so").stat().st_mode & 0o022 == 0


def test_entries_of_another_cache_are_copied_and_damaged_ones_are_not(cache, entry, tmp_path):
    other = Cache(tmp_path / "other")
    damaged = cache.get(replace(KEY, name="vae"), build)
    (damaged / "package.so").write_bytes(b"evil")
    problems = {one.path.name: one.problem for one in other.trust(cache.root)}
    assert problems[damaged.name] == "package.so does not match its digest"
    copied = other.get(KEY, must_not_build)
    assert (copied / "package.so").read_bytes() == b"code"
    assert other.find(replace(KEY, name="vae")) is None
    assert not list((other.root / "partial").iterdir())


def test_a_folder_that_is_no_cache_is_refused(cache, tmp_path):
    with pytest.raises(InputError, match="has no cache entries"):
        cache.trust(tmp_path)
