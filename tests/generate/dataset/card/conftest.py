"""A small dataset in each format, written here, and what its card is made from."""

import hashlib
import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from zeroreal.generate.dataset.card.facts import (
    CardFacts,
    ClassFacts,
    ModelFacts,
    RecipeFacts,
    RecipePart,
)
from zeroreal.generate.dataset.card.licence import licences
from zeroreal.generate.dataset.commit.record import FileFacts, WorkerFacts

COLOURS = {0: (200, 30, 30), 1: (30, 30, 200)}
STEM = "000000-000000000-000000003-0a1b2c3d"
SCHEMA = pa.schema(
    [
        ("index", pa.int64()),
        ("label", pa.int64()),
        ("class", pa.string()),
        ("prompt", pa.string()),
        ("guidance", pa.float64()),
        ("seed", pa.int64()),
        ("rejected", pa.list_(pa.string())),
    ]
)


def rows(names):
    return [
        {
            "index": index,
            "label": index % 2,
            "class": names[index % 2],
            "prompt": f"a photo of {names[index % 2]}, {index}",
            "guidance": 1.5 + index,
            "seed": 2**62 + index,
            "rejected": ["blank"] if index == 1 else [],
        }
        for index in range(4)
    ]


def picture(label):
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16), COLOURS[label]).save(buffer, "jpeg", quality=95)
    return buffer.getvalue()


def write(folder, shard_format, names):
    table = pa.Table.from_pylist(rows(names), schema=SCHEMA)
    pictures = [picture(row["label"]) for row in rows(names)]
    if shard_format == "parquet":
        image = pa.array([{"bytes": one, "path": f"{i}.jpg"} for i, one in enumerate(pictures)])
        rest = table.drop_columns("label").add_column(0, "label", table["label"])
        pq.write_table(rest.add_column(0, "image", image), folder / f"{STEM}.parquet")
        return
    if shard_format == "folder":
        for row, content in zip(rows(names), pictures, strict=True):
            path = folder / "train" / row["class"] / f"{row['index']:09d}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        (folder / "metadata").mkdir()
        names = [f"{row['class']}/{row['index']:09d}.jpg" for row in rows(names)]
        table = table.append_column("file_name", [names])
        pq.write_table(table, folder / "metadata" / f"{STEM}.parquet")
        return
    if shard_format == "npy":
        pq.write_table(table, folder / f"{STEM}.parquet")
        np.save(folder / f"{STEM}.labels.npy", np.array([0, 1, 0, 1]))
        np.save(folder / f"{STEM}.npy", np.zeros((4, 16, 16, 3), np.uint8))
        return
    keys = [f"{row['index']:09d}" for row in rows(names)]
    pq.write_table(table.append_column("key", [keys]), folder / f"{STEM}.parquet")
    with tarfile.open(folder / f"{STEM}.tar", "w") as shard:
        for row, content in zip(rows(names), pictures, strict=True):
            members = {"jpg": content, "cls": str(row["label"]).encode()}
            members |= {"txt": row["prompt"].encode(), "json": json.dumps(row).encode()}
            for suffix, member in members.items():
                entry = tarfile.TarInfo(f"{row['index']:09d}.{suffix}")
                entry.size = len(member)
                shard.addfile(entry, io.BytesIO(member))


def file_facts(folder: Path):
    return {
        str(path.relative_to(folder)): FileFacts(
            path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest()
        )
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def facts(shard_format="webdataset", names=("ankle boot", "bag"), files=None, **changes):
    worker = WorkerFacts("node1", 7, "cpu", "torch", "fp32", 8, 8, 2, "Pillow")
    classes = (
        ClassFacts(names[0], f"{names[0]} worn", 2),
        ClassFacts(names[1], names[1], 2, {"blank": 1}, {"duplicate": 1}),
    )
    values = {
        "title": "Boots and bags",
        "format": shard_format,
        "image_format": "jpg",
        "image_size": 16,
        "schema": SCHEMA,
        "classes": classes,
        "files": files or {},
        "recipe": RecipeFacts(
            "multi-domain",
            "many looks",
            (RecipePart("a {domain} of a {class}", "1 to 5", ("photo", "sketch"), "blurry"),),
            ("a photo of a bag",),
        ),
        "model": ModelFacts("owner/model", "ab" * 32, licences()["creativeml-openrail-m"]),
        "settings": {"steps": "12", "scheduler": "DDIMScheduler", "seed": "0"},
        "workers": (worker, worker),
        "command": "zeroreal generate --classes 'ankle boot,bag' --out boots",
        "version": "0.1.0",
        "finished": "2026-11-26T22:00:00+00:00",
    }
    return CardFacts(**{**values, **changes})


@pytest.fixture(name="card_facts")
def _card_facts():
    return facts


@pytest.fixture
def dataset(tmp_path):
    """Writes a dataset of a format and gives its folder and facts."""

    def made(shard_format, names=("ankle boot", "bag")):
        folder = tmp_path / shard_format
        folder.mkdir()
        write(folder, shard_format, names)
        return folder, facts(shard_format, names, file_facts(folder))

    return made


@pytest.fixture(name="rows")
def _rows():
    return rows
