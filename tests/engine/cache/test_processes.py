"""Processes that build at once, and those that are killed while they do."""

import signal
import subprocess
import sys
import time
from dataclasses import replace

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


def test_what_a_killed_builder_leaves_is_never_used(cache, caplog, files_below):
    kill_while_building(cache)
    assert cache.find(KEY) is None
    assert contents(cache.get(KEY, build)) == FILES
    assert files_below(cache.root / "partial") == set()
    assert caplog.records == []


def test_prune_removes_what_killed_builders_left(cache, files_below):
    kill_while_building(cache)
    (removed,) = cache.prune()
    assert removed.bytes == len(FILES["engine.plan"])
    assert "killed" in removed.problem
    assert files_below(cache.root) == set()
    assert cache.prune() == []
