"""Runs that train on a share of their images: what is trained on, going on, and what is refused."""

import json
import math
from dataclasses import replace

import pytest
import torch
import yaml
from coloured import COLOURS, coloured
from safetensors.torch import load_file

from zeroreal.base import InputError
from zeroreal.generate import GenerateSettings
from zeroreal.run import RunInterruptedError, RunSettings, resume, run
from zeroreal.run.regenerated import images_again
from zeroreal.run.report.summary import summary_of
from zeroreal.run.selection.settings import SelectionSettings
from zeroreal.train import Feed, PoolSettings, TrainSettings
from zeroreal.train.classifier.saved import load_classifier

TRAIN = TrainSettings(epochs=2, batch_size=32)
SELECTION = SelectionSettings("clusters:4", 0.4, "embedded")
GENERATED = RunSettings(
    images_per_class=6,
    classes=("T-shirt", "Bag", "Sandal"),
    recipe="multi-domain",
    device="cpu",
    generate=GenerateSettings(steps=1, engine="torch", precision="fp32", batch_size=9),
    train=TRAIN,
    selection=SelectionSettings("clusters:2", 0.5, "embedded"),
    checkpoint_seconds=0,
)


@pytest.fixture(scope="module")
def stored(cards):
    """A run on pictures of colours, 30 a class, as settings."""
    return RunSettings(
        images=cards(120, 0), data=cards(40, 1), device="cpu", train=TRAIN, selection=SELECTION
    )


@pytest.fixture(scope="module")
def result(stored, tmp_path_factory):
    """Such a run, and the samples that it kept."""
    kept, keep_only = [], Feed.keep_only
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            Feed, "keep_only", lambda feed, of: kept.extend(sorted(of)) or keep_only(feed, of)
        )
        return run(stored, tmp_path_factory.mktemp("runs") / "run"), kept


def weights(folder):
    return load_file(folder / "classifier.safetensors")


def same(one, other):
    return all(torch.equal(value, other[name]) for name, value in one.items())


def test_it_is_the_run_on_a_dataset_of_what_is_kept(stored, result, write_dataset, tmp_path):
    images, labels = coloured(120, 16)
    names = list(COLOURS)
    in_folders = torch.cat(
        [(labels == names.index(name)).nonzero()[:, 0] for name in sorted(names)]
    )
    kept = in_folders[result[1]]
    dataset = write_dataset(tmp_path / "kept", "folders", images[kept], labels[kept], names)
    settings = replace(stored, images=dataset, selection=SelectionSettings())
    alone = run(replace(settings, pool=PoolSettings(blocks=1, policy="keep")), tmp_path / "alone")
    assert same(weights(result[0].folder), weights(alone.folder))
    assert alone.summary.test.accuracy == result[0].summary.test.accuracy
    card = load_classifier(result[0].folder, torch.device("cpu")).card
    assert torch.equal(images_again(result[0].folder, card, "cpu", print)[0], images[kept])
    assert torch.equal(images_again(result[0].folder, card, "cpu", print, 5)[0], images[kept[:5]])


def test_what_is_kept_is_in_metrics_report_and_configuration(result):
    folder, summary = result[0].folder, result[0].summary
    assert summary.images == len(result[1]) == 48
    assert summary_of(json.loads((folder / "metrics.json").read_text())) == summary
    said = "kept 48 of 120 images by clusters:4 of embedded: 12 of 30 of each class"
    assert summary.selection.text == said
    report = (folder / "report.html").read_text()
    assert said in report
    assert "images were\nselected by the embedded encoder" in report
    assert summary.seconds["select"] > 0
    config = yaml.safe_load((folder / "config.yaml").read_text())
    assert config["selection"] == {
        "select": "clusters:4",
        "keep": 0.4,
        "select_encoder": "embedded",
    }


def stop_in_training(state):
    if state.stage == "train" and state.done == 1:
        raise KeyboardInterrupt


def test_a_run_that_goes_on_selects_the_same_and_generates_nothing_again(tmp_path):
    whole = run(GENERATED, tmp_path / "whole")
    assert str(whole.summary.selection.total) == "9 of 18"
    assert set(whole.summary.selection.by_domain) > {"painting"}
    with pytest.raises(RunInterruptedError):
        run(GENERATED, tmp_path / "stopped", stop_in_training)
    again = resume(tmp_path / "stopped")
    assert again.summary.selection == whole.summary.selection
    assert again.summary.throughput.images_per_second == 0
    assert same(weights(again.folder), weights(whole.folder))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"keep": 0.6}, "selection with keep 0.4, this training has 0.6"),
        ({"select": "clusters:3"}, "selection with select 'clusters:4', this training has"),
        (dict.fromkeys(("select", "keep", "select_encoder")), "selecting encoder None has changed"),
    ],
)
def test_going_on_with_another_selection_is_refused(stored, tmp_path, change, complaint):
    with pytest.raises(RunInterruptedError):
        run(replace(stored, checkpoint_seconds=0), tmp_path / "run", stop_in_training)
    path = tmp_path / "run" / "config.yaml"
    config = yaml.safe_load(path.read_text())
    config["selection"] |= change
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    with pytest.raises(InputError, match=complaint):
        resume(tmp_path / "run")


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"selection": SelectionSettings(keep=0.5)}, r"--keep 0\.5 was given without --select"),
        ({"selection": SelectionSettings(select_encoder="embedded")}, "--select-encoder embedded"),
        ({"selection": replace(SELECTION, select="clusters:31")}, "has 30 images: ask for 30 clu"),
        ({"selection": replace(SELECTION, keep=0.01)}, r"keep is 0\.01, which leaves none of the"),
        ({"selection": replace(SELECTION, select_encoder=None)}, "name another with --select-enc"),
        ({"selection": replace(SELECTION, select_encoder="nowhere")}, "'nowhere' does not exist"),
        ({"pool": PoolSettings(blocks=2)}, "blocks of the pool is 2, and --select clusters:4"),
        ({"pool": PoolSettings(policy="most-replayed")}, "none may be replaced: leave it out"),
        ({"pool": PoolSettings(sharing="overlap")}, "nothing is generated beside training"),
        ({"pool": PoolSettings(memory=90_000)}, "chooses among all 120 images, and the pool holds"),
    ],
)
def test_what_cannot_be_selected_is_refused_before_anything_is_made(
    stored, changes, complaint, tmp_path
):
    with pytest.raises(InputError, match=complaint):
        run(replace(stored, **changes), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_images_that_were_all_left_out_are_told_of_in_a_sentence(stored, tmp_path, monkeypatch):
    monkeypatch.setattr("zeroreal.run.stored.images.StoredImages._read", lambda *of: None)
    with pytest.raises(InputError, match="none of the 120 images can be used"):
        run(stored, tmp_path / "run")


def test_a_time_budget_is_refused(tmp_path):
    with pytest.raises(InputError, match="and a time budget were given, which counts on training"):
        run(replace(GENERATED, time_budget=60.0), tmp_path / "run")


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        (("clusters:0",), "select is 'clusters:0': give clusters:N"),
        (("clusters:x",), "select is 'clusters:x'"),
        (("clusters:²",), "select is 'clusters:²'"),
        (("clusters:-2",), "select is 'clusters:-2'"),
        (("clusters",), "select is 'clusters'"),
        (("foo:3",), "select is 'foo:3'"),
        (("clusters:3", 0.0), r"keep is 0\.0: give a share above 0 and up to 1"),
        (("clusters:3", 1.5), r"keep is 1\.5"),
        (("clusters:3", math.nan), "keep is nan"),
    ],
)
def test_values_of_none_are_refused(values, complaint):
    with pytest.raises(InputError, match=complaint):
        SelectionSettings(*values)
