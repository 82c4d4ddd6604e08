"""The cache: what was built is found again, and a build that fails leaves nothing."""

import errno
import os
from dataclasses import replace

import pytest

from zeroreal.base.cache_root import default_cache_root
from zeroreal.base.errors import InputError
from zeroreal.engine.cache import Cache
from zeroreal.engine.cache_entry import CacheKey

KEY = CacheKey(
    kind="tensorrt",
    name="unet",
    graph="0123abcd",
    options={"batch": [1, 8, 16], "refit": True},
    library="tensorrt_rtx 1.7.1",
    device="sm_89",
    driver="580.65",
)


FILES = {"engine.plan": b"a plan" * 1000, "weights/unet.safetensors": b"weights"}


def build(folder):
    for name, content in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)


def contents(folder):
    return {name: (folder / name).read_bytes() for name in FILES}


def must_not_build(folder):
    pytest.fail("there is a good entry")


def test_what_was_built_is_found_again(cache):
    assert cache.find(KEY) is None
    folder = cache.get(KEY, build)
    assert contents(folder) == FILES
    assert Cache(cache.root).get(KEY, must_not_build) == folder
    assert cache.find(KEY) == folder


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "torch"},
        {"name": "vae"},
        {"graph": "0123abce"},
        {"options": {"batch": [1, 8, 16], "refit": False}},
        {"library": "tensorrt_rtx 1.7.2"},
        {"device": "sm_86"},
        {"driver": None},
    ],
    ids=lambda change: next(iter(change)),
)
def test_another_key_is_another_entry(cache, entry, change):
    assert cache.find(replace(KEY, **change)) is None
    assert cache.get(replace(KEY, **change), build) != entry


def test_the_order_of_options_makes_no_difference(cache, entry):
    assert cache.find(replace(KEY, options={"refit": True, "batch": [1, 8, 16]})) == entry


@pytest.mark.parametrize("stop", [RuntimeError, KeyboardInterrupt])
def test_an_interrupted_build_leaves_nothing(cache, stop, files_below):
    def build_half(folder):
        build(folder)
        raise stop

    with pytest.raises(stop):
        cache.get(KEY, build_half)
    assert files_below(cache.root) == set()
    assert cache.entries() == []
    assert contents(cache.get(KEY, build)) == FILES


def test_a_full_disk_gets_one_sentence_with_the_remedy(cache, files_below):
    def fill_the_disk(folder):
        build(folder)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(
        InputError, match=r"No space left on device.*zeroreal cache prune"
    ) as raised:
        cache.get(KEY, fill_the_disk)
    assert str(cache.root) in str(raised.value)
    assert files_below(cache.root) == set()


def test_an_unwritable_folder_gets_one_sentence_with_the_remedy(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(InputError, match=r"file/cache cannot be written.*set ZEROREAL_CACHE"):
        Cache(tmp_path / "file" / "cache").get(KEY, build)


def test_errors_of_the_build_pass_as_they_are(cache, tmp_path):
    with pytest.raises(FileNotFoundError):
        cache.get(KEY, lambda folder: (tmp_path / "no.onnx").read_bytes())


def test_a_cache_that_may_only_be_read_serves(cache, entry, monkeypatch):
    def refuse(*arguments, **options):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    for name in ("mkdir", "rename", "utime"):
        monkeypatch.setattr(os, name, refuse)
    monkeypatch.setattr("zeroreal.engine.cache.FileLock", refuse)
    assert cache.get(KEY, must_not_build) == entry


def test_a_cache_that_is_not_there_is_empty_and_stays_away(cache):
    assert (cache.entries(), cache.verify(), cache.prune(everything=True)) == ([], [], [])
    assert not cache.root.exists()


def test_the_environment_chooses_the_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    monkeypatch.setenv("ZEROREAL_CACHE", "/chosen")
    assert str(default_cache_root()) == "/chosen"
    monkeypatch.delenv("ZEROREAL_CACHE")
    assert str(default_cache_root()) == "/xdg/zeroreal"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert Cache().root == tmp_path / ".cache" / "zeroreal"


def test_without_a_home_folder_the_environment_is_asked_for(monkeypatch):
    monkeypatch.delenv("ZEROREAL_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "~nobody-has-this-name/x")
    with pytest.raises(InputError, match="no home folder: set ZEROREAL_CACHE"):
        Cache()
