"""A small set of labelled images, and functions that write it in every format."""

import io
import json

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from zeroreal.data.shard_info import wds_info
from zeroreal.data.shard_writer import new_shard

CLASSES = ("coat", "ankle boot", "bag")  # not sorted: readers that sort are found out
LABELS = [0, 2, 0, 2, 2, 0]  # no ankle boot
SIDE = 8
SCHEMA = pa.schema(
    [
        ("index", pa.int64()),
        ("label", pa.int64()),
        ("class", pa.string()),
        ("prompt", pa.string()),
        ("guidance", pa.float64()),
        ("attempt", pa.int32()),
        ("rejected", pa.list_(pa.string())),
    ]
)


def pixels():
    return np.random.default_rng(5).integers(0, 256, (6, SIDE, SIDE, 3)).astype(np.uint8)


def rows():
    return [
        {
            "index": 7 + i,
            "label": label,
            "class": CLASSES[label],
            "prompt": f"„{CLASSES[label]}“, no. {i}",
            "guidance": 2.5 + i,
            "attempt": i % 2,
            "rejected": ["blank"] * (i % 3),
        }
        for i, label in enumerate(LABELS)
    ]


def as_file(image, image_format="png"):
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, {"jpg": "jpeg"}.get(image_format, image_format))
    return buffer.getvalue()


def write_shard(shard_format, folder, stem="00000", begin=0, end=6, image_format="png"):
    """Write samples `begin` to `end` of the set; the names of the files."""
    folder.mkdir(parents=True, exist_ok=True)
    writer = new_shard(
        shard_format,
        folder,
        stem,
        CLASSES,
        SCHEMA,
        count=end - begin,
        image_size=SIDE,
        image_format=image_format,
    )
    for image, row in zip(pixels()[begin:end], rows()[begin:end], strict=True):
        writer.write(image if shard_format == "npy" else as_file(image, image_format), row)
    return writer.close()


def write_info(folder, **shards):
    """`_info.json` for shards, by stem and number of samples."""
    info = wds_info({f"{stem}.tar": count for stem, count in shards.items()}, CLASSES)
    (folder / "_info.json").write_text(json.dumps(info))


@pytest.fixture
def small_set():
    """Classes, labels, pixels and rows of the set, and how to write it."""

    class SmallSet:
        classes, labels, side, schema = CLASSES, LABELS, SIDE, SCHEMA
        pixels, rows = pixels(), rows()
        as_file = staticmethod(as_file)
        write_shard, write_info = staticmethod(write_shard), staticmethod(write_info)

    return SmallSet
