"""Files that we wrote, which somebody else may have changed: of runs and datasets."""

import io
import json
import shutil
import tarfile
from contextlib import suppress
from dataclasses import asdict

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from safetensors.torch import save_file

from zeroreal.base.sealed import sealed
from zeroreal.base.tensor_files import load_tensors
from zeroreal.generate.dataset.checking.contents import shard_samples, stored_images
from zeroreal.generate.dataset.commit.record import FileFacts, ShardRecord, WorkerFacts, read_record
from zeroreal.generate.dataset.config.config import DatasetConfig, read_config
from zeroreal.generate.dataset.config.settings import DatasetSettings
from zeroreal.generate.dataset.store.places import open_store
from zeroreal.run.budget.clock import Speeds
from zeroreal.run.budget.state import load_state
from zeroreal.run.images import GENERATED, ImageFiles
from zeroreal.run.settings import RunSettings
from zeroreal.train.distilling.trajectories import TrajectoryFolder
from zeroreal.train.loop.checkpoint import NEWEST, CheckpointFolder
from zeroreal.train.loop.scalars import COLUMNS, SCALARS, ScalarLog

SIDE = 8
NAMES = ("boot", "shoe")
IDENTITY = {"classifier": "resnet18", "recipe": {"epochs": 3}}


def images(folder):
    """Those of an unfinished run."""
    tensors = {
        "images": torch.zeros(3, SIDE, SIDE, 3, dtype=torch.uint8),
        "samples": torch.arange(3),
    }
    (folder / GENERATED).mkdir()
    (folder / GENERATED / "00000.safetensors").write_bytes(sealed(tensors, json.dumps(IDENTITY)))


def read_images(folder):
    files = ImageFiles(folder, IDENTITY, SIDE)
    for found, pixels in files.read(sorted(files.samples)):
        assert pixels.shape == (len(found), SIDE, SIDE, 3)


def unsealed(write, file):
    """Writes text and tensors of a sealed file apart, so that its digest fits what is changed."""

    def unseal(folder):
        write(folder)
        tensors = load_tensors(folder / file, "file")
        with (folder / file).open("rb") as sealed_file:
            length = int.from_bytes(sealed_file.read(8), "little")
            text = json.loads(sealed_file.read(length))["__metadata__"]["state"]
        (folder / "text.json").write_text(text)
        save_file(tensors, folder / "tensors.safetensors")

    return unseal


def of_sealed(write, read, file):
    def seal_and_read(folder):
        tensors = load_tensors(folder / "tensors.safetensors", "file")
        text = (folder / "text.json").read_text(errors="replace")
        (folder / file).write_bytes(sealed(tensors, text))
        read(folder)

    return unsealed(write, file), seal_and_read


def checkpoint(folder):
    CheckpointFolder(folder, IDENTITY).save({"weights": torch.ones(3), "version": 1})


def read_checkpoint(folder):
    CheckpointFolder(folder, IDENTITY).load()


def trajectories(folder):
    latents = torch.zeros(2, 3, 4, 1, 1, dtype=torch.float16)
    (folder / "x.safetensors").write_bytes(sealed({"latents": latents}, "5"))


def read_trajectories(folder):
    found = TrajectoryFolder(folder, "5")._read(folder / "x.safetensors", (2, 3))
    assert found is None or found.shape[:2] == (2, 3)


def scalars(folder):
    rows = (COLUMNS, *([str(step), *["1"] * (len(COLUMNS) - 1)] for step in range(3)))
    (folder / SCALARS).write_text("".join(",".join(row) + "\n" for row in rows))


def read_scalars(folder):
    before = (folder / SCALARS).read_bytes()
    try:
        ScalarLog(folder, 1).close()
    finally:
        (folder / SCALARS).write_bytes(before)
        shutil.rmtree(folder / "tensorboard", ignore_errors=True)


def budget(folder):
    plan = {"lever": "x", "images": 10, "accuracy": 0.5}
    plan |= dict.fromkeys(("generate_seconds", "train_seconds", "other_seconds"), 1.0)
    content = {"plan": plan, "speeds": asdict(Speeds(1, 1, 1, 1, 1)), "spent": 5.0}
    (folder / "budget.json").write_text(json.dumps(content))


def read_budget(folder):
    state = load_state(folder, RunSettings(), 0.0)
    if state is not None:  # named otherwise, it is not there
        state.clock(60.0).start()
        assert state.clock(60.0).is_over(10**12)


def dataset(folder):
    """Its configuration and the record, tar file and table of one shard."""
    config = DatasetConfig(DatasetSettings(), {"prompt": "a {class}"}, "0" * 64, (1,))
    (folder / "dataset.yaml").write_bytes(config.content())
    worker = WorkerFacts("host", 1, "cpu", "torch", "fp32", 4, 4, 1, "none")
    files = {"0.tar": FileFacts(5, "0" * 64)}
    finished = "2026-11-26T22:00:00+00:00"
    record = ShardRecord("0", 0, 2, files, {"boot": 2}, {}, {}, worker, 1.0, finished)
    (folder / "0.json").write_bytes(record.content())
    rows = [{"index": n, "label": n, "class": name} for n, name in enumerate(NAMES)]
    pq.write_table(pa.Table.from_pylist(rows), folder / "0.parquet")
    with tarfile.open(folder / "0.tar", "w") as file:
        for row in rows:
            index, label = str(row["index"]).encode(), str(row["label"]).encode()
            for name, content in (("png", b"p"), ("cls", label), ("json", json.dumps(row))):
                content = content.encode() if isinstance(content, str) else content
                member = tarfile.TarInfo(f"{index.decode()}.{name}")
                member.size = len(content)
                file.addfile(member, io.BytesIO(content))
    np.save(folder / "0.npy", np.zeros((2, SIDE, SIDE, 3), np.uint8))
    np.save(folder / "0.labels.npy", np.array([0, 1]))


def read_dataset(folder):
    config = read_config(open_store(folder))
    assert len(config.digest) == 64
    assert config.classes
    assert config.plan
    read_record((folder / "0.json").read_bytes(), "0.json")
    for shard_format in ("webdataset", "parquet", "npy"):
        with suppress(ValueError, KeyError, TypeError):  # of which `verify` makes a sentence
            shard_samples(shard_format, "0", ["0.tar"], folder.joinpath, NAMES)
        if shard_format != "parquet":
            stored_images(shard_format, "0", [0], ["0.tar"], folder.joinpath)


TARGETS = {
    "images": (images, read_images),
    "images sealed": of_sealed(images, read_images, f"{GENERATED}/00000.safetensors"),
    "checkpoint sealed": of_sealed(checkpoint, read_checkpoint, NEWEST),
    "trajectories": of_sealed(trajectories, read_trajectories, "x.safetensors"),
    "scalars": (scalars, read_scalars),
    "budget": (budget, read_budget),
    "dataset": (dataset, read_dataset),
}
"""As in `fuzz_targets`."""
