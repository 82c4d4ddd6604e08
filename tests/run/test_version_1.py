"""Runs of the version before configurations had sections: evaluated, predicted with, resumed.

`tests/fixtures/run-version-1` holds the same run finished, and killed in its third epoch.
"""

import csv
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from zeroreal.base import InputError
from zeroreal.run import evaluate_run, predict_files, resume
from zeroreal.run.folder import read_config
from zeroreal.train import CheckpointFolder

FIXTURE = Path(__file__).parents[1] / "fixtures" / "run-version-1"
GARMENT = FIXTURE / "garment.png"


def test_its_settings_find_their_places():
    settings, recipe = read_config(FIXTURE / "finished")
    assert settings.classes == ("bag", "coat", "dress", "sneaker")
    assert (settings.generate.steps, settings.generate.batch_size) == (2, 4)
    assert (settings.pool.memory, settings.pool.policy) == (73728, "most-replayed")
    assert (settings.train.optimizer, settings.train.augment.zoom) == ("sgd", 0.1)
    assert settings.gap.teacher_weight == 0.5
    assert settings.generate.negative_prompt is None  # which that version did not have
    assert recipe["name"] == "random-guidance"


def test_its_classifier_predicts_as_it_did():
    (found,) = predict_files(FIXTURE / "finished", [GARMENT], "cpu")
    assert found.class_name == "sneaker"
    assert found.probability == pytest.approx(0.99990749, abs=1e-4)


def test_its_classifier_is_evaluated(tmp_path):
    for name in ("sneaker", "bag"):
        (tmp_path / name).mkdir()
        shutil.copy(GARMENT, tmp_path / name)
    figures = evaluate_run(FIXTURE / "finished", tmp_path, "cpu")
    assert (figures.images, figures.accuracy) == (2, 0.5)
    assert [row.images for row in figures.per_class] == [1, 0, 0, 1]


@pytest.fixture(scope="module")
def resumed(tmp_path_factory):
    """A copy of the run that was killed, gone on with to its end."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    shutil.copytree(FIXTURE / "interrupted", folder)
    config = folder / "config.yaml"  # it was made on a CPU with bf16, which not all have
    config.write_text(config.read_text().replace("amp: auto", "amp: bf16"))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as it was made: on such a CPU what follows is then equal to the bit
    try:
        return resume(folder)
    finally:
        torch.set_num_threads(threads)


def rows(folder):
    with (folder / "scalars.csv").open() as file:
        return list(csv.DictReader(file))


def test_it_goes_on_from_its_checkpoint(resumed):
    after, whole = rows(resumed.folder), rows(FIXTURE / "finished")
    assert after[:3] == rows(FIXTURE / "interrupted")
    assert [row["samples"] for row in after] == [row["samples"] for row in whole]
    # On other CPUs rounding differs, and later epochs of so small a training with it.
    losses = [[float(row["loss"]) for row in table[:6]] for table in (after, whole)]
    assert losses[0] == pytest.approx(losses[1], abs=0.05)


def test_it_ends_with_the_weights_that_it_would_have_had(resumed):
    ours, whole = (
        load_file(folder / "classifier.safetensors")
        for folder in (resumed.folder, FIXTURE / "finished")
    )
    assert ours.keys() == whole.keys()
    apart = sum(
        float((ours[name].double() - whole[name].double()).square().sum()) for name in whole
    )
    norm = sum(float(tensor.double().square().sum()) for tensor in whole.values())
    assert (apart / norm) ** 0.5 < 0.05  # rounding differs between CPUs and versions of PyTorch


def test_a_checkpoint_of_another_training_is_not_gone_on_from(tmp_path):
    shutil.copytree(FIXTURE / "interrupted", tmp_path / "run")
    with pytest.raises(InputError, match="classifier"):
        CheckpointFolder(tmp_path / "run", {"classifier": "resnet18"}).load()
