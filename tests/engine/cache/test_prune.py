"""Entries listed, verified and removed."""

import os
import threading
import time
from dataclasses import replace
from datetime import timedelta

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


def flip_a_byte(entry):
    path = entry / "weights" / "unet.safetensors"
    content = bytearray(path.read_bytes())
    content[3] ^= 1
    path.write_bytes(content)


def test_prune_spares_what_is_being_built(cache):
    def build_beside_a_prune(folder):
        build(folder)
        pruner = threading.Thread(target=cache.prune, kwargs={"everything": True})
        pruner.start()
        pruner.join()

    assert contents(cache.get(KEY, build_beside_a_prune)) == FILES


def test_prune_removes_damaged_entries_and_keeps_good_ones(cache, entry):
    damaged = cache.get(replace(KEY, name="vae"), build)
    flip_a_byte(damaged)
    assert [removed.path for removed in cache.prune()] == [damaged]
    assert not damaged.exists()
    assert cache.find(KEY) == entry


def test_prune_removes_what_was_not_found_for_long(cache, entry):
    other = cache.get(replace(KEY, name="vae"), build)
    week_ago = time.time() - 7 * 86400
    for folder in (entry, other):
        os.utime(folder / "entry.json", (week_ago, week_ago))
    cache.find(KEY)
    assert cache.prune(timedelta(days=8)) == []
    (removed,) = cache.prune(timedelta(days=6))
    assert removed.key.name == "vae"
    assert cache.find(KEY) == entry


def test_prune_can_remove_everything(cache, entry, files_below):
    cache.get(replace(KEY, kind="torch"), build)
    assert len(cache.prune(everything=True)) == 2
    assert files_below(cache.root) == set()


def test_prune_touches_nothing_that_is_not_the_caches(cache, entry, files_below):
    for name in ("entries/notes.txt", "entries/tensorrt/mine/plan", "partial/mine", "mine/file"):
        (cache.root / name).parent.mkdir(parents=True, exist_ok=True)
        (cache.root / name).write_text("mine")
    cache.prune(everything=True)
    assert files_below(cache.root) == {
        "entries/notes.txt",
        "entries/tensorrt/mine/plan",
        "partial/mine",
        "mine/file",
    }


def test_entries_tell_what_they_are(cache, entry):
    (found,) = cache.entries()
    assert (found.key, found.path, found.problem) == (KEY, entry, None)
    assert found.bytes == sum(map(len, FILES.values())) + (entry / "entry.json").stat().st_size
    assert abs(found.created.timestamp() - time.time()) < 3600
    assert abs(found.used.timestamp() - time.time()) < 3600


def test_verify_finds_what_records_do_not_show(cache, entry):
    flip_a_byte(entry)
    (listed,), (verified,) = cache.entries(), cache.verify()
    assert listed.problem is None
    assert verified.problem == "weights/unet.safetensors does not match its digest"
    assert verified.key == KEY
