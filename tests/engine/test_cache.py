"""The cache: one good entry whatever is damaged, killed or done at once."""

import errno
import hashlib
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import timedelta

import pytest

from zeroreal.base.digest import file_digest, key_digest
from zeroreal.base.errors import InputError
from zeroreal.engine.cache import Cache, default_cache_root
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


def files_below(root):
    """All files in the cache but its locks, which stay."""
    found = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
    return {path.as_posix() for path in found if path.parts[0] != "locks"}


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path / "cache")


@pytest.fixture
def entry(cache):
    return cache.get(KEY, build)


def flip_a_byte(entry):
    path = entry / "weights" / "unet.safetensors"
    content = bytearray(path.read_bytes())
    content[3] ^= 1
    path.write_bytes(content)


def truncate(entry):
    os.truncate(entry / "engine.plan", 5999)


def remove_a_file(entry):
    (entry / "engine.plan").unlink()


def put_a_folder_for_a_file(entry):
    (entry / "engine.plan").unlink()
    (entry / "engine.plan").mkdir()


def remove_the_record(entry):
    (entry / "entry.json").unlink()


def empty_the_record(entry):
    (entry / "entry.json").write_bytes(b"")


def put_other_json_for_the_record(entry):
    (entry / "entry.json").write_text("[1, 2]")


def put_binary_for_the_record(entry):
    (entry / "entry.json").write_bytes(bytes(range(256)))


def claim_another_format(entry):
    record = json.loads((entry / "entry.json").read_text())
    (entry / "entry.json").write_text(json.dumps(record | {"format": 2}))


def claim_another_key(entry):
    record = json.loads((entry / "entry.json").read_text())
    record["key"]["driver"] = "470.1"
    (entry / "entry.json").write_text(json.dumps(record))


def put_a_foreign_entry(entry):
    other = Cache(entry.parents[3] / "other").get(replace(KEY, device="sm_80"), build)
    shutil.rmtree(entry)
    shutil.copytree(other, entry)


def put_a_file_for_the_entry(entry):
    shutil.rmtree(entry)
    entry.write_bytes(b"no folder")


DAMAGES = [
    (flip_a_byte, "weights/unet.safetensors does not match its digest"),
    (truncate, "engine.plan has 5999 bytes, not 6000"),
    (remove_a_file, "engine.plan: No such file"),
    (put_a_folder_for_a_file, "engine.plan has"),
    (remove_the_record, "entry.json: No such file"),
    (empty_the_record, "entry.json is no record"),
    (put_other_json_for_the_record, "entry.json is no record"),
    (put_binary_for_the_record, "entry.json is no record"),
    (claim_another_format, "format is 2, not 1"),
    (claim_another_key, "entry.json does not match its digest"),
    (put_a_foreign_entry, "made for another key"),
    (put_a_file_for_the_entry, "entry.json: Not a directory"),
]
by_damage = pytest.mark.parametrize(
    ("damage", "problem"), DAMAGES, ids=[damage.__name__ for damage, _ in DAMAGES]
)


def test_file_digests_are_those_of_sha256sum(tmp_path):
    # FIPS 180-4's example, as `printf abc | sha256sum` prints it.
    (tmp_path / "abc").write_bytes(b"abc")
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert file_digest(tmp_path / "abc") == expected


def test_key_digests_are_those_of_sorted_json_without_spaces():
    text = b'{"a":{"x":null,"y":1.5},"b":[1,"\\u00e9"]}'
    assert key_digest({"b": (1, "é"), "a": {"y": 1.5, "x": None}}) == (
        hashlib.sha256(text).hexdigest()
    )


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


@by_damage
def test_a_damaged_entry_is_built_again_with_one_line_of_warning(
    cache, entry, caplog, damage, problem
):
    damage(entry)
    assert cache.get(KEY, build) == entry
    assert contents(entry) == FILES
    assert cache.get(KEY, must_not_build) == entry
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert problem in record.message
    assert "tensorrt of unet is to be built again" in record.message
    assert "\n" not in record.message


@by_damage
def test_a_damaged_entry_is_not_found(cache, entry, caplog, damage, problem):
    damage(entry)
    assert cache.find(KEY) is None
    (record,) = caplog.records
    assert problem in record.message


def test_every_flipped_byte_of_the_record_is_noticed(cache, entry):
    record = (entry / "entry.json").read_bytes()
    for position in range(len(record) - 1):  # the last is a line's end
        changed = bytearray(record)
        changed[position] ^= 1
        (entry / "entry.json").write_bytes(changed)
        assert cache.find(KEY) is None, changed
    (entry / "entry.json").write_bytes(record)
    assert cache.find(KEY) == entry


@pytest.mark.parametrize("stop", [RuntimeError, KeyboardInterrupt])
def test_an_interrupted_build_leaves_nothing(cache, stop):
    def build_half(folder):
        build(folder)
        raise stop

    with pytest.raises(stop):
        cache.get(KEY, build_half)
    assert files_below(cache.root) == set()
    assert cache.entries() == []
    assert contents(cache.get(KEY, build)) == FILES


def test_a_full_disk_gets_one_sentence_with_the_remedy(cache):
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


# A process that gets entries; it is given the cache's root, what to do amid a build, and names.
BUILDER = """
import os, sys, time
from pathlib import Path
from zeroreal.engine.cache import Cache
from zeroreal.engine.cache_entry import CacheKey

root, meanwhile, *names = sys.argv[1:]
shared = Path(root).parent

def build(folder):
    with (shared / "log").open("a") as log:
        log.write(f"{name}\\n")
    (folder / "engine.plan").write_bytes(b"a plan" * 1000)
    exec(meanwhile)
    (folder / "weights").mkdir()
    (folder / "weights" / "unet.safetensors").write_bytes(b"weights")

for name in names:
    key = CacheKey("tensorrt", name, "0123abcd", {"batch": [1, 8, 16], "refit": True},
                   "tensorrt_rtx 1.7.1", "sm_89", "580.65")
    (shared / f"{name}-{os.getpid()}").touch()
    print(Cache(Path(root)).get(key, build))
"""
WAIT_FOR_THE_OTHER = """
while len(list(shared.glob(f"{name}-*"))) < 2:
    time.sleep(0.01)
time.sleep(0.3)
"""
HANG = "time.sleep(600)"


def start_builder(cache, meanwhile, *names):
    command = [sys.executable, "-c", BUILDER, str(cache.root), meanwhile, *names]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def kill_while_building(cache):
    builder = start_builder(cache, HANG, KEY.name)
    plan = cache.root / "partial" / KEY.digest / "engine.plan"
    while not plan.exists():
        assert builder.poll() is None, builder.communicate()
        time.sleep(0.01)
    builder.send_signal(signal.SIGKILL)
    builder.communicate()


def test_processes_that_build_at_once_end_with_one_good_entry(cache):
    names = ["new", "damaged"]
    flip_a_byte(cache.get(replace(KEY, name="damaged"), build))
    builders = [start_builder(cache, WAIT_FOR_THE_OTHER, *names) for _ in range(2)]
    results = [builder.communicate() for builder in builders]
    folders = [cache.find(replace(KEY, name=name)) for name in names]
    assert [contents(folder) for folder in folders] == [FILES, FILES]
    assert [out.split() for out, _ in results] == [list(map(str, folders))] * 2, results
    assert (cache.root.parent / "log").read_text().split() == names
    assert "".join(warnings for _, warnings in results).count("to be built again") == 1


def test_what_a_killed_builder_leaves_is_never_used(cache, caplog):
    kill_while_building(cache)
    assert cache.find(KEY) is None
    assert contents(cache.get(KEY, build)) == FILES
    assert files_below(cache.root / "partial") == set()
    assert caplog.records == []


def test_prune_removes_what_killed_builders_left(cache):
    kill_while_building(cache)
    (removed,) = cache.prune()
    assert removed.bytes == len(FILES["engine.plan"])
    assert "killed" in removed.problem
    assert files_below(cache.root) == set()
    assert cache.prune() == []


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


def test_prune_can_remove_everything(cache, entry):
    cache.get(replace(KEY, kind="torch"), build)
    assert len(cache.prune(everything=True)) == 2
    assert files_below(cache.root) == set()


def test_prune_touches_nothing_that_is_not_the_caches(cache, entry):
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
