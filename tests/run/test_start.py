"""A whole run on a small setting, its interruption, and what may not be overwritten."""

import json
import re
from dataclasses import replace

import pyarrow.parquet as pq
import pytest
import torch
import yaml
from safetensors.torch import load_file
from typer.testing import CliRunner

from zeroreal.assets import FASHION_MNIST_TEST
from zeroreal.base import InputError
from zeroreal.base.progress import StageProgress
from zeroreal.cli.main import app
from zeroreal.generate import GenerateSettings
from zeroreal.run import RunInterruptedError, RunSettings, evaluate_run, resume, run
from zeroreal.run.report.summary import summary_of
from zeroreal.train import PoolSettings, TrainSettings
from zeroreal.train.loop.training import Training

PHOTOGRAPHS = 500
SMALL = RunSettings(
    images_per_class=8,
    device="cpu",
    generate=GenerateSettings(steps=2, engine="torch", precision="fp32", batch_size=20),
    pool=PoolSettings(blocks=2),
    train=TrainSettings(epochs=2, batch_size=32),
)


def weights(folder):
    return load_file(folder / "classifier.safetensors")


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """Real images that stand for the shipped ones, which are many, while this file's tests run."""
    few = tmp_path_factory.mktemp("real") / "few.parquet"
    pq.write_table(pq.read_table(FASHION_MNIST_TEST).slice(0, PHOTOGRAPHS), few)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("zeroreal.run.preparation.FASHION_MNIST_TEST", few)
        yield few


pytestmark = pytest.mark.usefixtures("photographs")


@pytest.fixture(scope="module")
def finished(photographs, tmp_path_factory):
    stages = []
    result = run(SMALL, tmp_path_factory.mktemp("runs") / "one", stages.append)
    return result, stages


def test_a_run_leaves_everything_that_it_promises(finished):
    folder = finished[0].folder
    assert {path.name for path in folder.iterdir()} == {
        "config.yaml",
        "metrics.json",
        "classifier.safetensors",
        "classifier.json",
        "samples.png",
        "confusion.png",
        "report.html",
        "scalars.csv",
        "tensorboard",
    }
    config = yaml.safe_load((folder / "config.yaml").read_text())
    assert config["images_per_class"] == 8
    assert config["recipe_content"]["leaves"][0]["prompt"] == "an image of a {class}"


def test_the_metrics_agree_with_each_other(finished):
    summary = json.loads((finished[0].folder / "metrics.json").read_text())
    assert summary == json.loads(finished[0].summary.text())
    assert summary_of(summary) == finished[0].summary
    test = summary["test"]
    confusion = torch.tensor(test["confusion"])
    assert confusion.sum() == test["images"] == PHOTOGRAPHS
    assert confusion.diagonal().sum() / PHOTOGRAPHS == pytest.approx(test["accuracy"])
    assert test["interval"][0] < test["accuracy"] < test["interval"][1]
    assert summary["images"] == 80
    assert summary["throughput"]["images_per_second"] > 0
    assert {"load", "text", "denoise", "decode", "train", "evaluate"} <= set(summary["seconds"])


def test_progress_is_reported_stage_by_stage(finished):
    stages = finished[1]
    generated = [state.done for state in stages if state.stage == "generate"]
    assert generated == [0, 20, 40, 60, 80]
    # The first half of the images once, all of them, and half of them: two passes in all.
    trained = [(state.done, state.total) for state in stages if state.stage == "train"]
    assert trained == [(0, 3), (1, 3), (2, 3), (3, 3)]


def test_the_saved_classifier_gives_the_reported_accuracy(finished, photographs):
    folder, summary = finished[0].folder, finished[0].summary
    again = evaluate_run(folder, photographs, "cpu")
    assert again.confusion == summary.test.confusion


def test_an_interrupted_run_keeps_its_images_and_ends_as_if_it_had_not_stopped(finished, tmp_path):
    def stop_at_forty(state: StageProgress) -> None:
        if state.stage == "generate" and state.done == 40:
            raise KeyboardInterrupt

    folder = tmp_path / "stopped"
    with pytest.raises(RunInterruptedError, match="40 of 80"):
        run(SMALL, folder, stop_at_forty)
    (kept,) = (folder / "generated").iterdir()
    assert not (folder / "metrics.json").exists()

    whole = kept.read_bytes()
    flipped = bytearray(whole)
    flipped[-50_000] ^= 1
    for damaged in (whole[:100], flipped):
        kept.write_bytes(damaged)
        with pytest.raises(InputError, match="is damaged"):
            resume(folder)
    kept.write_bytes(whole)

    first = []
    resume(folder, first.append)
    assert first[0] == StageProgress("generate", 40, 80)
    assert not (folder / "generated").exists()
    uninterrupted = weights(finished[0].folder)
    assert all(torch.equal(value, uninterrupted[name]) for name, value in weights(folder).items())


def test_what_tuning_found_is_kept_for_resuming(finished):
    config = yaml.safe_load((finished[0].folder / "config.yaml").read_text())
    found = {"attention": "auto", "cuda_graphs": False, "batch_size": 20, "vae_batch_size": 20}
    assert {name: config["generate"][name] for name in found} == found


def test_an_interruption_in_training_keeps_all_images(tmp_path):
    def stop_in_training(state: StageProgress) -> None:
        if state.stage == "train" and state.done == 2:
            raise KeyboardInterrupt

    folder = tmp_path / "run"
    with pytest.raises(RunInterruptedError, match="80 of 80"):
        run(SMALL, folder, stop_in_training)
    rows = resumed_costs(folder)
    assert rows["denoise"] == ("0.0", "all images were there")
    assert re.fullmatch(r"[1-9]\d* images/s", rows["train"][1])
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["images"] == 80
    assert metrics["seconds"]["train"] > 0
    assert "generated per second" not in (folder / "report.html").read_text()


def test_a_run_that_lacked_only_its_test_tells_no_speed(tmp_path, monkeypatch):
    def stop(parts):
        raise KeyboardInterrupt

    folder = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr("zeroreal.run.start.test", stop)
        with pytest.raises(RunInterruptedError, match="80 of 80"):
            run(replace(SMALL, checkpoint_seconds=0.0), folder)
    rows = resumed_costs(folder)
    assert rows["denoise"][1] == "all images were there"
    assert rows["train"][1] == "all passes were there"
    assert "per second" not in (folder / "report.html").read_text()


def resumed_costs(folder):
    """Seconds and speed of each stage, as the command shows them that continues a run."""
    done = CliRunner().invoke(app, ["run", "--resume", str(folder)], env={"COLUMNS": "120"})
    assert done.exit_code == 0, done.output
    lines = done.stdout.partition("Cost")[2].splitlines()
    rows = [[cell.strip() for cell in line.split("│")[1:4]] for line in lines if "│" in line]
    return {stage: (seconds, speed) for stage, seconds, speed in rows}


def test_a_loss_that_is_not_finite_ends_the_run_with_its_images_kept(tmp_path):
    settings = replace(SMALL, train=replace(SMALL.train, learning_rate=1e30, clip_grad=0.0))
    with pytest.raises(InputError, match="not finite"):
        run(settings, tmp_path / "run")
    assert len(load_file(tmp_path / "run" / "generated" / "00000.safetensors")["images"]) == 40


def test_the_last_good_weights_of_such_a_run_can_be_used(tmp_path, monkeypatch, photographs):
    """The loss is finite in the first of two epochs, and at the end of the second it is not."""
    reports = []
    is_finite = Training._has_finite_weights

    def has_finite_weights(training):
        reports.append(len(training.reports))
        return is_finite(training) and reports[-1] == 0

    monkeypatch.setattr(Training, "_has_finite_weights", has_finite_weights)
    with pytest.raises(InputError, match="epoch 2"):
        run(replace(SMALL, pool=replace(SMALL.pool, blocks=1)), tmp_path / "run")
    assert evaluate_run(tmp_path / "run", str(photographs)) is not None


def test_a_run_is_never_written_over(finished):
    folder = finished[0].folder
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(InputError, match="already holds a run"):
        run(SMALL, folder)
    with pytest.raises(InputError, match="is finished"):
        resume(folder)
    after = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert before == after


def test_folders_with_other_files_and_files_are_declined(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="is not empty"):
        run(SMALL, tmp_path)
    with pytest.raises(InputError, match="is a file"):
        run(SMALL, tmp_path / "notes.txt")
    with pytest.raises(InputError, match=r"cannot be written \(.*notes.txt': Not a dir"):
        run(SMALL, tmp_path / "notes.txt" / "below")
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_nothing_is_written_when_something_is_wrong(tmp_path):
    for change in (
        {"classes": ("cat",)},
        {"recipe": "bass"},
        {"classifier": "resnet-18"},
        {"data": str(tmp_path / "nowhere")},
        {"generate": replace(SMALL.generate, model=str(tmp_path / "nowhere"))},
        {"generate": replace(SMALL.generate, scheduler="EulerDiscreet")},
        {"classes": ("coat", "bag"), "data": "shipped"},
    ):
        with pytest.raises(InputError):
            run(replace(SMALL, **change), tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_a_recipe_that_changed_since_the_interruption_is_noticed(tmp_path):
    def stop(state: StageProgress) -> None:
        raise KeyboardInterrupt

    recipe = tmp_path / "mine.yaml"
    recipe.write_text('prompt: "a {class}"\nguidance: 2\n')
    with pytest.raises(RunInterruptedError):
        run(replace(SMALL, recipe=str(recipe)), tmp_path / "run", stop)
    recipe.write_text('prompt: "a {class}"\nguidance: 3\n')
    with pytest.raises(InputError, match="has changed"):
        resume(tmp_path / "run")
    with pytest.raises(InputError, match="holds no run"):
        resume(tmp_path / "nowhere")


def test_classes_of_ones_own_run_without_test_data(tmp_path):
    result = run(replace(SMALL, classes=("bag", "coat")), tmp_path / "run")
    assert result.summary.test is None
    assert not (tmp_path / "run" / "confusion.png").exists()
    assert (tmp_path / "run" / "report.html").exists()


@pytest.mark.slow
def test_two_processes_generate_and_train_on_a_share_each(tmp_path):
    import subprocess
    import sys

    script = tmp_path / "run.py"
    script.write_text(
        "from zeroreal.generate import GenerateSettings\n"
        "from zeroreal.run import RunSettings, run\n"
        "from zeroreal.train import PoolSettings, TrainSettings\n"
        "settings = RunSettings(images_per_class=8, device='cpu',\n"
        "    generate=GenerateSettings(steps=2, engine='torch', precision='fp32', batch_size=20),\n"
        "    pool=PoolSettings(blocks=2), train=TrainSettings(epochs=2, batch_size=16))\n"
        f"run(settings, {str(tmp_path / 'run')!r})\n"
    )
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--standalone"]
    done = subprocess.run([*command, script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    summary = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert summary["images"] == 80
    rows = (tmp_path / "run" / "scalars.csv").read_text().splitlines()[1:]
    # 40, 80 and 40 samples, in batches of 16 on each rank.
    assert [row.split(",")[0] for row in rows] == ["2", "5", "7"]
    assert rows[-1].split(",")[2] == "160"
