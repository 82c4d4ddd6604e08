"""Shards without pixels: the real protocol on files of a few bytes. And small, real datasets."""

import functools
import shutil
from dataclasses import replace

import pytest

from zeroreal.generate import GenerateSettings
from zeroreal.generate.dataset.commit import PendingShard, commit, place
from zeroreal.generate.dataset.making import generate_dataset
from zeroreal.generate.dataset.record import ShardRecord, WorkerFacts
from zeroreal.generate.dataset.settings import DatasetSettings
from zeroreal.generate.dataset.workers import pending_folder

WORKER = WorkerFacts("host", 1, "cpu", "torch", "fp32", 4, 4, 1, "none")


def write_pending(store, plan, shard, token="worker", content=b""):
    """The pending files of a shard, as a worker of that token writes them."""
    folder = pending_folder(token, shard.number)
    stem = plan.stem(shard)
    scratch = store.scratch(folder)
    files = {}
    for suffix in (".tar", ".parquet"):
        (scratch / f"{stem}{suffix}").write_bytes(f"{stem}{suffix}".encode() + content)
        files[f"{stem}{suffix}"] = scratch.joinpath(f"{stem}{suffix}").relative_to(scratch)
    return PendingShard(folder, stem, "webdataset", files)


def record_of(store, pending, shard):
    """The record of a pending shard."""
    return ShardRecord(
        stem=pending.stem,
        first=shard.first,
        end=shard.end,
        files=place(store, pending),
        classes={"cat": len(shard)},
        rejected={},
        kept={},
        worker=WORKER,
        seconds=1.0,
        finished="2026-11-26T22:00:00+00:00",
    )


def commit_shard(store, plan, shard, token="worker", content=b""):
    """Write and commit a shard; whether it was the first to do so."""
    pending = write_pending(store, plan, shard, token, content)
    return commit(store, pending, record_of(store, pending, shard))


@pytest.fixture(scope="session")
def shard_files():
    """`write_pending`, `record_of` and `commit_shard`."""

    class Files:
        pending, record, commit = map(staticmethod, (write_pending, record_of, commit_shard))

    return Files


CLASSES = ("bird", "cat", "ankle boot")
SETTINGS = DatasetSettings(
    classes=CLASSES,
    images_per_class=4,
    shard_size=5,
    device="cpu",
    generate=GenerateSettings(steps=2, engine="torch", precision="fp32", tune="off", batch_size=3),
)


@pytest.fixture(scope="session")
def finished_dataset(tmp_path_factory):
    """A function that gives a dataset of a format by the embedded model: 12 images, 5 a shard."""

    @functools.cache
    def make(shard_format):
        root = tmp_path_factory.mktemp("datasets") / shard_format
        generate_dataset(replace(SETTINGS, format=shard_format), root)
        return root

    return make


@pytest.fixture
def dataset_copy(finished_dataset, tmp_path):
    """A function that gives a copy of such a dataset, to be damaged."""

    def copy(shard_format):
        return shutil.copytree(finished_dataset(shard_format), tmp_path / shard_format)

    return copy


@pytest.fixture(scope="session")
def dataset_settings():
    """The settings of these datasets, of the format `webdataset`."""
    return SETTINGS
