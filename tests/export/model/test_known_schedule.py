"""Schedules out of the cache: what reading gives, without `diffusers`."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from zeroreal.assets import TINY_FASHION
from zeroreal.base import InputError
from zeroreal.engine import Cache
from zeroreal.export import load_scheduler, schedule_of
from zeroreal.export.model import known_schedule as module
from zeroreal.export.model.known_schedule import known_schedule


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path / "cache")


@pytest.fixture
def read(monkeypatch):
    """How often a scheduler was read."""
    found = []

    def noted(scheduler, steps):
        found.append(type(scheduler).__name__)
        return schedule_of(scheduler, steps)

    monkeypatch.setattr(module, "schedule_of", noted)
    return found


@pytest.mark.parametrize(
    "name", [None, "DDIM:trailing", "EulerAncestralDiscrete", "UniPCMultistep"]
)
def test_it_is_to_the_bit_what_was_read_and_read_once(name, cache, read):
    first, again = (known_schedule(TINY_FASHION, name, 7, cache) for _ in range(2))
    assert first == again == schedule_of(load_scheduler(TINY_FASHION, name), 7)
    assert len(read) == 1


def test_what_decides_it_is_read_anew(cache, read, tmp_path):
    folder = shutil.copytree(TINY_FASHION, tmp_path / "model")
    before = known_schedule(folder, "DDIM", 4, cache)
    path = folder / "scheduler" / "scheduler_config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps({**config, "beta_end": 0.02}))
    assert known_schedule(folder, "DDIM", 4, cache) != before
    index = folder / "model_index.json"
    content = json.loads(index.read_text())
    index.write_text(json.dumps({**content, "_class_name": "StableDiffusionXLPipeline"}))
    known_schedule(folder, "DDIM", 4, cache)
    known_schedule(folder, "DDIM", 5, cache)
    known_schedule(folder, "DDIM:trailing", 5, cache)
    assert len(read) == 5


def test_what_cannot_be_read_is_refused_each_time(cache):
    for _ in range(2):
        with pytest.raises(InputError, match="steps=2000 is outside"):
            known_schedule(TINY_FASHION, None, 2000, cache)
    assert cache.entries() == []


def test_a_cache_that_cannot_be_written_costs_time_alone(tmp_path, read):
    (tmp_path / "file").write_text("")
    cache = Cache(tmp_path / "file" / "cache")
    for _ in range(2):
        known_schedule(TINY_FASHION, None, 3, cache)
    assert len(read) == 2


def test_a_known_one_needs_no_diffusers(cache):
    known_schedule(TINY_FASHION, "DDIM", 4, cache)
    program = (
        "import sys; from pathlib import Path; from zeroreal.engine import Cache\n"
        "from zeroreal.export.model.known_schedule import known_schedule\n"
        "known_schedule(Path(sys.argv[1]), 'DDIM', 4, Cache(Path(sys.argv[2])))\n"
        "sys.exit('diffusers' in sys.modules)\n"
    )
    command = [sys.executable, "-c", program, str(TINY_FASHION), str(cache.root)]
    assert subprocess.run(command, env=dict(os.environ)).returncode == 0
