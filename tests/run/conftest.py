"""What the tests of runs on stored images share."""

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from coloured import COLOURS, coloured
from PIL import Image

from zeroreal.run import RunSettings, run
from zeroreal.train import TrainSettings


def png(image):
    """An image, uint8 `[S, S, 3]`, as the bytes of a PNG file, which loses nothing."""
    file = io.BytesIO()
    Image.fromarray(image.numpy()).save(file, "PNG")
    return file.getvalue()


def write_shards(folder, images, labels, classes):
    """Two shards, each with half of the images, in order."""
    (folder / "_info.json").write_text(json.dumps({"classes": list(classes)}))
    half = len(images) // 2
    for number, part in enumerate((range(half), range(half, len(images)))):
        with tarfile.open(folder / f"{number:05}.tar", "w") as tar:
            for i in part:
                for name, content in (
                    (f"{i}.png", png(images[i])),
                    (f"{i}.cls", b"%d" % labels[i]),
                ):
                    member = tarfile.TarInfo(name)
                    member.size = len(content)
                    tar.addfile(member, io.BytesIO(content))


def write_parquet(folder, images, labels, classes):
    table = pa.table(
        {
            "image": [{"bytes": png(image), "path": None} for image in images],
            "label": pa.array([int(label) for label in labels]),
        }
    )
    table = table.replace_schema_metadata({"class_names": ",".join(classes)})
    pq.write_table(table, folder / "all.parquet")


def write_folders(folder, images, labels, classes):
    for name in classes:
        (folder / name).mkdir()
    for i, (image, label) in enumerate(zip(images, labels, strict=True)):
        (folder / classes[label] / f"{i:05}.png").write_bytes(png(image))


def write_arrays(folder, images, labels, classes):
    (folder / "classes.txt").write_text("\n".join(classes))
    half = len(images) // 2
    for number, part in enumerate((slice(half), slice(half, None))):
        np.save(folder / f"{number}.npy", torch.stack(list(images[part])).numpy())
        np.save(folder / f"{number}.labels.npy", np.array(labels[part]))


WRITERS = {
    "shards": write_shards,
    "parquet": write_parquet,
    "folders": write_folders,
    "arrays": write_arrays,
}


@pytest.fixture(scope="session")
def write_dataset():
    """A function that writes images and labels as a dataset of a format of `WRITERS`."""

    def write(folder: Path, form, images, labels, classes):
        folder.mkdir(parents=True)
        WRITERS[form](folder, images, [int(label) for label in labels], classes)
        return str(folder)

    return write


@pytest.fixture(scope="session")
def cards(tmp_path_factory, write_dataset):
    """A function that writes pictures of colours as folders of classes."""

    def write(count, seed):
        folder = tmp_path_factory.mktemp("cards") / "cards"
        return write_dataset(folder, "folders", *coloured(count, 16, seed), list(COLOURS))

    return write


@pytest.fixture(scope="session")
def finished(tmp_path_factory, cards):
    """The folder of a small run on such pictures that is finished; not to be changed."""
    train = TrainSettings(epochs=6, batch_size=32)
    settings = RunSettings(images=cards(300, 0), data=cards(40, 1), device="cpu", train=train)
    return run(settings, tmp_path_factory.mktemp("runs") / "run").folder
