"""Two commands of a kind at once on one empty cache: both as if they were alone."""

import json
import os
import subprocess

import pytest
import torch
from filelock import FileLock
from safetensors.torch import load_file

from zeroreal.engine import Cache
from zeroreal.export.onnx.manifest import read_manifest

from .conftest import COMMAND

pytestmark = pytest.mark.slow  # two processes share the cores for half a minute

FEW = ("--images-per-class", "2", "--steps", "2", "--epochs", "1", "--device", "cpu")


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache, which the commands use."""
    monkeypatch.setenv("ZEROREAL_CACHE", str(tmp_path / "cache"))
    return Cache()


def both(tmp_path, *arguments):
    """Start a command twice, each in a folder of its own; what each printed, and its folder."""
    folders = [tmp_path / name for name in ("first", "second")]
    environment = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1", "OMP_NUM_THREADS": "1"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    started = []
    for folder in folders:
        folder.mkdir()
        command = [*COMMAND, *arguments]
        started.append(subprocess.Popen(command, cwd=folder, env=environment, **pipes))
    outputs = [process.communicate(timeout=300) for process in started]
    for process, (_, complaint) in zip(started, outputs, strict=True):
        assert process.returncode == 0, complaint
        assert "Traceback" not in complaint
    return folders, [out for out, _ in outputs]


def check_left(cache, kinds, zeroreal):
    """One good entry of each kind, nothing half-written, no lock held."""
    assert sorted(entry.key.kind for entry in cache.verify()) == sorted(kinds)
    assert [entry.problem for entry in cache.verify()] == [None] * len(kinds)
    assert list((cache.root / "partial").iterdir()) == []
    locks = sorted((cache.root / "locks").iterdir())
    assert len(locks) == len(kinds)
    for lock in locks:
        with FileLock(lock).acquire(timeout=0):
            pass
    listed = zeroreal("cache", "list")
    assert listed.returncode == 0
    assert listed.stdout.count(" good ") == len(kinds)


def weights(folder):
    return load_file(folder / "out" / "classifier.safetensors")


def check_same_weights(folders):
    first, second = map(weights, folders)
    assert first.keys() == second.keys()
    assert [name for name in first if not torch.equal(first[name], second[name])] == []


def test_two_runs_that_tune_train_the_same_weights(tmp_path, cache, zeroreal):
    folders, _ = both(tmp_path, "run", "--out", "out", *FEW)
    check_same_weights(folders)
    check_left(cache, ["schedule", "tuning"], zeroreal)


def test_two_runs_that_export_into_the_cache_train_the_same_weights(tmp_path, cache, zeroreal):
    engine = ("--engine", "onnxruntime", "--tune", "off", "--batch-size", "8")
    folders, _ = both(tmp_path, "run", "--out", "out", *FEW, *engine)
    check_same_weights(folders)
    check_left(cache, ["export", "schedule"], zeroreal)


def test_two_exports_write_the_same_graphs(tmp_path, cache, tiny_model):
    folders, _ = both(tmp_path, "export", str(tiny_model("sd15")), "--out", "out")
    first, second = (read_manifest(folder / "out").graphs for folder in folders)
    digests = [
        {name: (graph.file.structure_digest, graph.file.weights_digest) for name, graph in one}
        for one in (first.items(), second.items())
    ]
    assert len(digests[0]) == 3
    assert digests[0] == digests[1]
    assert not cache.root.exists() or cache.entries() == []


def test_two_tunings_measure_once_and_print_the_same(tmp_path, cache, zeroreal):
    options = ("--engine", "onnxruntime", "--effort", "short", "--device", "cpu", "--steps", "2")
    _, (first, second) = both(tmp_path, "tune", *options)
    assert first == second
    (record,) = (cache.root / "entries" / "tuning").glob("*/tuned.json")
    chosen = json.loads(record.read_text())
    assert f"engine {chosen['engine']}" in first
    check_left(cache, ["export", "tuning"], zeroreal)
