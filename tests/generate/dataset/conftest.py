"""Datasets without a model, and shards without pixels: the real protocol on small files."""

import functools
import itertools
import shutil
from dataclasses import fields, replace

import pytest
import torch

from zeroreal.assets import TINY_FASHION
from zeroreal.base.device import PRECISIONS
from zeroreal.generate import GenerateSettings, ImageBatch
from zeroreal.generate.dataset.commit.commit import PendingShard, commit, place
from zeroreal.generate.dataset.commit.record import ShardRecord, WorkerFacts
from zeroreal.generate.dataset.commit.workers import pending_folder
from zeroreal.generate.dataset.config.settings import DatasetSettings
from zeroreal.generate.dataset.making import generate_dataset
from zeroreal.generate.facts import GeneratorFacts

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


class Coloured:
    """A generator of images in the colour (n % 256, n // 256, 0) for sample n: no diffusion.

    Args:
        blank: samples that are no picture at any attempt.
        again: the reasons for which a sample's first attempts are made again.
        on_batch: called before each batch is handed over.
    """

    device = torch.device("cpu")

    def __init__(self, batch_size=4, size=16, blank=(), again=None, on_batch=lambda specs: None):
        self.batch_size, self.image_size = batch_size, size
        self.blank, self.again, self.on_batch = blank, again or {}, on_batch
        self.generated, self.rejected, self.rejections = [], [], {}
        self.quality = None
        self.facts = GeneratorFacts(
            folder=TINY_FASHION,
            scheduler="DDIMScheduler",
            unet="own",
            steps=1,
            engine="torch:eager",
            backend="torch",
            attention="auto",
            cuda_graphs=False,
            precision="fp32",
            dtype=torch.float32,
            generate_size=(size, size),
            image_size=size,
            batch_size=batch_size,
            vae_batch_size=batch_size,
        )

    def check_prompts(self, plan, tell=True):
        pass

    def generate(self, specs, done=(), *, quality=None):
        self.quality = quality
        todo = iter(specs)
        while batch := list(itertools.islice(todo, self.batch_size)):
            self.on_batch(batch)
            self.generated += [spec.index for spec in batch]
            self.rejected += [spec for spec in batch if spec.index in self.blank]
            kept = tuple(spec for spec in batch if spec.index not in self.blank)
            if not kept:
                continue
            colours = torch.tensor([[s.index % 256, s.index // 256, 0] for s in kept])
            images = colours.to(torch.uint8)[:, None, None]
            images = images.expand(-1, self.image_size, self.image_size, -1).contiguous()
            reasons = tuple(tuple(self.again.get(spec.index, ())) for spec in kept)
            labels = torch.tensor([spec.label for spec in kept])
            yield ImageBatch(kept, images, labels, rejections=reasons)


def small_settings(**changes):
    """A dataset of 24 images in shards of 8; `steps`, `precision` and such are the generator's."""
    own = {field.name for field in fields(GenerateSettings)}
    generate = {name: changes.pop(name) for name in list(changes) if name in own}
    made = {"engine": "torch", "precision": "fp32", "tune": "off", "batch_size": 4, "steps": 1}
    return DatasetSettings(
        **{
            "classes": ("bag", "coat", "dress"),
            "images_per_class": 8,
            "shard_size": 8,
            "image_format": "png",
            "device": "cpu",
            **changes,
        },
        generate=GenerateSettings(**{**made, **generate}),
    )


@pytest.fixture(scope="session")
def coloured():
    """The class `Coloured`."""
    return Coloured


@pytest.fixture(name="small_settings", scope="session")
def _small_settings():
    return small_settings


@pytest.fixture
def generator(monkeypatch):
    """A `Coloured` that datasets are made with in place of the model's; its values can be set."""
    made = Coloured()

    def make(settings, *_):
        size = settings.generate.image_size or 16
        precision = PRECISIONS[settings.generate.precision]
        made.facts = replace(made.facts, dtype=precision, image_size=size)
        made.image_size = size
        return made

    monkeypatch.setattr("zeroreal.generate.dataset.opening.make_generator", make)
    return made


@pytest.fixture(scope="session")
def content():
    """A function that gives all files of a dataset but those that hold dates or the way there."""

    def read(folder):
        paths = (path for path in folder.rglob("*") if path.is_file())
        return {
            str(path.relative_to(folder)): path.read_bytes()
            for path in paths
            if path.suffix in (".tar", ".parquet", ".npy", ".jpg")
            or (path.suffix == ".png" and path.parent != folder)
        }

    return read


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
