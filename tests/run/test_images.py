"""Runs on the images of a dataset: the same as generating them, resumed, and refused."""

import json
import logging
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file

from zeroreal.assets import FASHION_MNIST_TEST
from zeroreal.base import InputError
from zeroreal.base.progress import StageProgress
from zeroreal.base.ranks import Ranks
from zeroreal.generate import GenerateSettings, Generator, SamplePlan, load_recipe, parse_classes
from zeroreal.run import RunInterruptedError, RunSettings, resume, run
from zeroreal.run.preparation import prepare
from zeroreal.run.report.summary import summary_of
from zeroreal.train import PoolSettings, TrainSettings

CLASSES = ("bag", "coat", "dress", "sneaker")
MADE = RunSettings(
    classes=CLASSES,
    images_per_class=8,
    device="cpu",
    checkpoint_seconds=0,
    generate=GenerateSettings(steps=2, engine="torch", precision="fp32", tune="off", batch_size=4),
    pool=PoolSettings(blocks=3),
    train=TrainSettings(epochs=3, batch_size=12),
)
STORED = replace(MADE, images_per_class=RunSettings.images_per_class, generate=GenerateSettings())
# Of 32 images of 32 pixels, 18 are held, 6 of which others replace.
LITTLE = PoolSettings(blocks=3, memory=24 * 32 * 32 * 3, policy="most-replayed")


def weights(folder):
    return load_file(Path(folder) / "classifier.safetensors")


def are_equal(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.fixture(scope="module")
def generated():
    """Images and labels as a run with `MADE` generates them, in order."""
    plan = SamplePlan(load_recipe(MADE.recipe), parse_classes(CLASSES), MADE.images_per_class)
    return Generator(MADE.generate, device="cpu").images(plan)


@pytest.fixture(scope="module")
def shards(generated, write_dataset, tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp("data") / "shards", "shards", *generated, CLASSES)


@pytest.fixture(scope="module")
def finished(shards, tmp_path_factory):
    """A run on the shards, from beginning to end."""
    stages = []
    settings = replace(STORED, images=shards, pool=LITTLE)
    return run(settings, tmp_path_factory.mktemp("runs") / "whole", stages.append), stages


@pytest.fixture(scope="module")
def direct(tmp_path_factory):
    """A run that generates the images, where all fit and where others replace some."""
    folder = tmp_path_factory.mktemp("direct")
    pools = {"all": MADE.pool, "few": LITTLE}
    return {name: run(replace(MADE, pool=pool), folder / name) for name, pool in pools.items()}


@pytest.mark.parametrize(
    ("form", "held"),
    [
        ("shards", "all"),
        ("shards", "few"),
        ("parquet", "all"),
        ("folders", "few"),
        ("arrays", "few"),
    ],
)
def test_training_on_stored_images_is_to_the_bit_that_on_generated_ones(
    direct, generated, write_dataset, form, held, tmp_path
):
    pool = LITTLE if held == "few" else MADE.pool
    source = write_dataset(tmp_path / "data", form, *generated, CLASSES)
    stored = run(replace(STORED, pool=pool, images=source), tmp_path / "stored")
    assert are_equal(weights(direct[held].folder), weights(stored.folder))
    assert stored.summary.training.loss == direct[held].summary.training.loss


def test_no_model_is_loaded(shards, monkeypatch, tmp_path):
    def refuse(*_, **__):
        raise AssertionError("a model was looked for")

    monkeypatch.setattr("zeroreal.run.preparation.make_generator", refuse)
    monkeypatch.setattr("zeroreal.run.preparation.find_model", refuse)
    assert run(replace(STORED, images=shards), tmp_path / "run").summary.images == 32


def test_the_summary_names_the_dataset_and_no_model(finished, shards):
    result, _ = finished
    written = json.loads((result.folder / "metrics.json").read_text())
    assert summary_of(written) == result.summary
    assert (written["dataset"], written["images"]) == (shards, 32)
    for name in ("model", "recipe", "steps", "scheduler", "engine", "dtype", "images_per_class"):
        assert written[name] is None
    assert written["rejected"] == []
    assert set(written["seconds"]) == {"load", "read", "train"}
    page = (result.folder / "report.html").read_text()
    assert f"images of <strong>{shards}</strong>" in page
    assert "None" not in page
    assert "synthetic" not in page
    assert not (result.folder / "generated").exists()


def test_progress_says_that_images_are_read(finished):
    read = [state.done for state in finished[1] if state.stage == "read"]
    assert (read[0], read[-1]) == (0, 32)
    assert all(state.stage in ("read", "train") for state in finished[1])


def test_metrics_from_before_datasets_are_read(finished):
    old = json.loads((finished[0].folder / "metrics.json").read_text())
    del old["dataset"]
    assert summary_of(old).dataset is None


@pytest.mark.parametrize(("stage", "done"), [("read", 18), ("read", 32), ("train", 2)])
def test_an_interrupted_run_ends_as_if_it_had_not_stopped(finished, shards, stage, done, tmp_path):
    def stop(state: StageProgress) -> None:
        if (state.stage, state.done) == (stage, done):
            raise KeyboardInterrupt

    folder = tmp_path / "run"
    with pytest.raises(RunInterruptedError, match="of 32 images read"):
        run(replace(STORED, images=shards, pool=LITTLE), folder, stop)
    assert not (folder / "generated").exists()
    assert not (folder / "metrics.json").exists()
    result = resume(folder)
    assert are_equal(weights(folder), weights(finished[0].folder))
    assert result.summary.images == 32


def test_resuming_refuses_a_dataset_that_has_changed(generated, write_dataset, tmp_path):
    def stop(state: StageProgress) -> None:
        raise KeyboardInterrupt

    images, labels = generated
    source = write_dataset(tmp_path / "data", "folders", images, labels, CLASSES)
    with pytest.raises(RunInterruptedError):
        run(replace(STORED, images=source), tmp_path / "run", stop)
    changed = Path(source) / "bag" / "00000.png"
    before = changed.read_bytes()
    changed.write_bytes(before + b"\0")
    with pytest.raises(InputError, match=r"dataset '.*data' has changed since the run in"):
        resume(tmp_path / "run")
    changed.write_bytes(before)
    changed.rename(changed.with_name("00000a.png"))
    with pytest.raises(InputError, match="has changed"):
        resume(tmp_path / "run")
    changed.with_name("00000a.png").rename(changed)
    (Path(source) / "README.md").write_text("what is no image is no matter")
    assert resume(tmp_path / "run").summary.images == 32


def test_an_unreadable_image_is_named_and_the_weights_so_far_are_kept(
    generated, write_dataset, tmp_path
):
    source = write_dataset(tmp_path / "data", "folders", *generated, CLASSES)
    (Path(source) / "sneaker" / "00031.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"cannot read image '.*sneaker/00031.png'"):
        run(replace(STORED, images=source), tmp_path / "run")
    assert weights(tmp_path / "run")
    assert (tmp_path / "run" / "config.yaml").exists()
    assert not (tmp_path / "run" / "metrics.json").exists()


def test_images_of_other_sizes_are_resized_with_one_warning(
    generated, write_dataset, tmp_path, caplog
):
    images, labels = generated
    large = images.repeat_interleave(2, 1).repeat_interleave(2, 2)
    mixed = [large[i] if i % 5 == 3 else images[i] for i in range(len(images))]
    source = write_dataset(tmp_path / "data", "shards", mixed, labels, CLASSES)
    with caplog.at_level(logging.WARNING):
        summary = run(replace(STORED, images=source), tmp_path / "run").summary
    assert caplog.text.count("are not 32 pixels a side are resized") == 1
    assert summary.image_size == 32


def test_the_size_of_the_classifier_can_be_chosen(shards, tmp_path, caplog):
    settings = replace(STORED, images=shards, generate=GenerateSettings(image_size=24))
    assert run(settings, tmp_path / "run").summary.image_size == 24
    assert json.loads((tmp_path / "run" / "classifier.json").read_text())["image_size"] == 24


def test_without_classes_those_of_the_dataset_are_learned(shards, tmp_path):
    settings = replace(STORED, images=shards, classes=RunSettings.classes)
    result = run(settings, tmp_path / "run")
    assert result.summary.classes == list(CLASSES)
    config = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())
    assert config["version"] == 2
    assert config["dataset_content"]["images"] == 32
    assert "recipe_content" not in config


def test_classes_that_are_given_decide_order_and_spelling(shards, tmp_path):
    names = ("Sneaker", "dress", "COAT", "bag", "boot")
    result = run(replace(STORED, images=shards, classes=names), tmp_path / "run")
    assert result.summary.classes == list(names)


def test_a_class_that_was_not_given_is_refused(shards, tmp_path):
    with pytest.raises(InputError, match="has classes that the classifier does not have: 'sneaker"):
        run(replace(STORED, images=shards, classes=("bag", "coat", "dress")), tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_stored_garments_are_tested_on_the_shipped_photographs(generated, write_dataset, tmp_path):
    images, _ = generated
    names = [entry.partition(":")[0] for entry in RunSettings.classes]
    labels = [i % 10 for i in range(len(images))]
    source = write_dataset(tmp_path / "data", "shards", images, labels, names)
    settings = replace(STORED, images=source, classes=RunSettings.classes)
    test = prepare(settings, lambda progress: None, Ranks.current()).test
    assert (test.source, len(test.images)) == (str(FASHION_MNIST_TEST), 5_000)


def test_sorted_images_that_can_only_be_read_in_order_train_when_all_are_there(
    generated, write_dataset, tmp_path
):
    images, labels = generated
    order = labels.argsort(stable=True)
    source = write_dataset(tmp_path / "data", "shards", images[order], labels[order], CLASSES)
    assert run(replace(STORED, images=source), tmp_path / "run").summary.pool.blocks == 1
    with pytest.raises(InputError, match="sorted by class, and the pool holds 18 of 32"):
        run(replace(STORED, images=source, pool=LITTLE), tmp_path / "other")
    assert not (tmp_path / "other").exists()


@pytest.mark.slow
def test_two_processes_read_a_share_each(shards, tmp_path):
    script = tmp_path / "run.py"
    script.write_text(
        "from zeroreal.run import RunSettings, run\n"
        "from zeroreal.train import PoolSettings, TrainSettings\n"
        f"settings = RunSettings(images={shards!r}, device='cpu',\n"
        "    pool=PoolSettings(blocks=2), train=TrainSettings(epochs=2, batch_size=8))\n"
        f"run(settings, {str(tmp_path / 'run')!r})\n"
    )
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--standalone"]
    done = subprocess.run([*command, script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["images"] == 32
    rows = (tmp_path / "run" / "scalars.csv").read_text().splitlines()[1:]
    assert rows[-1].split(",")[2] == "64"  # every image twice, on both together
