"""Datasets as `zeroreal generate` leaves them, read by the libraries of others and by ours."""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
import yaml
from PIL import Image

from zeroreal.assets import TINY_FASHION
from zeroreal.data import load_images

CLASSES = ("bird", "cat", "ankle boot")
LABELS = [index % 3 for index in range(12)]
# Of the default recipe, which docs/data.md sets down.
PROMPTS = ["an image of a bird", "an image of a cat", "an image of an ankle boot"] * 4


@pytest.mark.parametrize("shard_format", ["webdataset", "parquet", "npy", "folder"])
def test_a_finished_dataset_is_described(finished_dataset, shard_format):
    root = finished_dataset(shard_format)
    front = yaml.safe_load((root / "README.md").read_text().split("---\n")[1])
    assert {"license", "task_categories", "size_categories"} <= front.keys()
    assert json.loads((root / "croissant.json").read_text())["@type"].endswith("Dataset")
    assert "cat" in (root / "_info.json").read_text()
    assert Image.open(root / "samples.png").size > (32, 32)


@pytest.mark.parametrize("shard_format", ["webdataset", "parquet", "npy", "folder"])
def test_our_loader_reads_it(finished_dataset, shard_format):
    found = load_images(finished_dataset(shard_format))
    assert found.classes == CLASSES
    assert found.images.shape == (12, 32, 32, 3)
    assert sorted(found.labels.tolist()) == sorted(LABELS)
    assert found.resized == 0


def test_all_formats_hold_the_same_images(finished_dataset):
    exact = load_images(finished_dataset("npy")).images.int()
    for shard_format in ("webdataset", "parquet"):
        images = load_images(finished_dataset(shard_format)).images.int()
        assert (images - exact).abs().float().mean() < 4  # JPEG


def test_webdataset_reads_it(finished_dataset):
    import webdataset

    shards = sorted(map(str, finished_dataset("webdataset").glob("*.tar")))
    samples = list(webdataset.WebDataset(shards, shardshuffle=False).decode("rgb8"))
    assert [sample["__key__"] for sample in samples] == [f"{index:09d}" for index in range(12)]
    assert [sample["cls"] for sample in samples] == LABELS
    assert [sample["txt"] for sample in samples] == PROMPTS
    assert [sample["json"]["class"] for sample in samples] == [CLASSES[one] for one in LABELS]
    wanted = {"prompt", "negative_prompt", "guidance", "seed", "index", "class", "model", "engine"}
    assert wanted <= samples[0]["json"].keys()


def test_datasets_reads_its_shards(finished_dataset, datasets):
    files = sorted(map(str, finished_dataset("webdataset").glob("*.tar")))
    found = datasets.load_dataset("webdataset", data_files=files, split="train")
    assert list(found["cls"]) == LABELS
    assert list(found["txt"]) == PROMPTS


@pytest.mark.parametrize("shard_format", ["webdataset", "parquet", "folder"])
def test_datasets_reads_its_folder_by_the_card(finished_dataset, datasets, shard_format):
    root = finished_dataset(shard_format)
    found = datasets.load_dataset(str(root))["train"]
    assert len(found) == 12
    assert np.asarray(found[0]["jpg" if shard_format == "webdataset" else "image"]).shape == (
        32,
        32,
        3,
    )
    if shard_format == "parquet":
        assert found.features["label"].names == list(CLASSES)
        assert list(found["label"]) == LABELS
    if shard_format == "folder":
        assert sorted(found.features["label"].names) == sorted(CLASSES)


def test_timm_reads_it(finished_dataset):
    from timm.data import create_dataset

    found = create_dataset("wds/x", root=str(finished_dataset("webdataset")), split="train")
    assert [label for _, label in found] == LABELS


def test_torchvision_and_fiftyone_read_its_class_folders(finished_dataset):
    # FiftyOne's ImageClassificationDirectoryTree is <dataset_dir>/<class>/<image>.<ext>,
    # https://docs.voxel51.com/user_guide/import_datasets.html, as is torchvision's ImageFolder.
    from torchvision.datasets import ImageFolder

    root = finished_dataset("folder") / "train"
    entries = sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())
    assert entries == sorted(f"{CLASSES[n % 3]}/{n:09d}.jpg" for n in range(12))
    found = ImageFolder(root)
    assert found.classes == sorted(CLASSES)
    assert len(found) == 12
    assert Path(found.samples[0][0]).parent.name == "ankle boot"


def test_what_is_written_of_an_image_has_diffusers_make_it(finished_dataset, noise_of):
    """The unmodified pipeline, given a row's prompt, guidance and noise, makes the stored image."""
    from diffusers import StableDiffusionPipeline

    root = finished_dataset("npy")
    pipeline = StableDiffusionPipeline.from_pretrained(TINY_FASHION)
    pipeline.set_progress_bar_config(disable=True)
    images = np.concatenate([np.load(path) for path in sorted(root.glob("*-????????.npy"))])
    tables = [pq.read_table(path) for path in sorted(root.glob("*.parquet"))]
    rows = [row for table in tables for row in table.to_pylist()]
    assert [row["index"] for row in rows] == list(range(12))
    for row, stored in zip(rows, images, strict=True):
        with noise_of(row["seed"], (4, 8, 8), pipeline.scheduler) as latents:
            (made,) = pipeline(
                row["prompt"],
                negative_prompt=row["negative_prompt"],
                guidance_scale=row["guidance"],
                num_inference_steps=2,
                latents=latents,
                output_type="pt",
            ).images
        pixels = (made * 255).round().to(torch.uint8).permute(1, 2, 0).numpy().astype(int)
        assert np.abs(pixels - stored).max() <= 1
