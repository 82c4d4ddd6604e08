"""Baselines of a run: their figures, the run's own beside them, and going on after an end."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from zeroreal.assets import TINY_CLIP
from zeroreal.base import InputError
from zeroreal.run import (
    BaselineSettings,
    RunInterruptedError,
    RunSettings,
    ZeroshotSettings,
    resume,
    run,
    run_zeroshot,
)
from zeroreal.run.baselines.measure import _Measuring
from zeroreal.run.report.summary import summary_of
from zeroreal.train import TrainSettings

BOTH = BaselineSettings(("encoder", "gaussians"), "embedded")


@pytest.fixture(scope="module")
def plain(cards):
    """A run without baselines, as settings."""
    train = TrainSettings(epochs=2, batch_size=32)
    return RunSettings(images=cards(120, 0), data=cards(40, 1), device="cpu", train=train)


@pytest.fixture(scope="module")
def result(plain, tmp_path_factory):
    settings = replace(plain, baselines=BOTH)
    return run(settings, tmp_path_factory.mktemp("runs") / "run")


def without_seconds(summary):
    return [replace(one, seconds=0) for one in summary.baselines]


def test_the_run_s_own_figures_are_as_without_them(plain, result, tmp_path):
    alone = run(plain, tmp_path / "alone")
    assert alone.summary.baselines == ()
    assert result.summary.test == alone.summary.test
    assert result.summary.training == alone.summary.training
    weights = [load_file(one.folder / "classifier.safetensors") for one in (result, alone)]
    assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())
    assert not (alone.folder / "baselines").exists()


def test_the_figures_are_those_of_the_command_that_classifies(plain, result):
    encoder, gaussians = result.summary.baselines
    found = run_zeroshot(
        ZeroshotSettings(
            "gaussians", "embedded", data=plain.data, run=str(result.folder), device="cpu"
        )
    )
    assert (gaussians.accuracy, gaussians.interval) == (found.test.accuracy, found.test.interval)
    assert (gaussians.fitted_to, encoder.fitted_to) == (120, None)
    assert encoder.images == gaussians.images == 40
    # The encoder learnt nothing of colours by name, but sees them.
    assert encoder.accuracy < 0.8 < gaussians.accuracy


def test_they_are_in_metrics_and_report(result):
    metrics = json.loads((result.folder / "metrics.json").read_text())
    assert summary_of(metrics) == result.summary
    report = (result.folder / "report.html").read_text()
    assert "gaussians of 120 images, embedded" in report
    assert "this run&#39;s classifier" in report or "this run's classifier" in report


@pytest.mark.parametrize("is_damaged", [False, True])
def test_a_run_goes_on_after_the_baselines_that_it_has(
    plain, result, tmp_path, monkeypatch, is_damaged
):
    def stop_after_one(state):
        if state.stage == "baselines" and state.done == 1:
            raise KeyboardInterrupt

    folder = tmp_path / "run"
    with pytest.raises(RunInterruptedError):
        run(replace(plain, baselines=BOTH), folder, stop_after_one)
    (kept,) = (folder / "baselines").iterdir()
    if is_damaged:
        content = bytearray(kept.read_bytes())
        content[-1] ^= 1
        kept.write_bytes(content)
    asked, texts = [], _Measuring._texts
    monkeypatch.setattr(_Measuring, "_texts", lambda *of: asked.append(1) or texts(*of))
    again = resume(folder)
    assert len(asked) == is_damaged
    assert without_seconds(again.summary) == without_seconds(result.summary)


def test_an_encoder_that_has_changed_is_noticed(plain, tmp_path):
    def stop(state):
        raise KeyboardInterrupt

    encoder = shutil.copytree(TINY_CLIP, tmp_path / "encoder")
    settings = replace(plain, baselines=BaselineSettings(("encoder",), str(encoder)))
    with pytest.raises(RunInterruptedError):
        run(settings, tmp_path / "run", stop)
    config = Path(encoder) / "config.json"
    config.write_text(config.read_text() + "\n")
    with pytest.raises(InputError, match=r"baseline encoder .* has changed since the run"):
        resume(tmp_path / "run")


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"data": None, "baselines": BOTH}, "there are no real images to measure them on: give"),
        ({"baselines": BaselineSettings(("encoder",))}, "'embedded', knows the embedded model's"),
        ({"baselines": BaselineSettings(("encoder",), "nowhere")}, "'nowhere' does not exist"),
        ({"baselines": BaselineSettings((), "embedded")}, "'embedded' was given, but no baseline"),
    ],
)
def test_what_cannot_be_measured_is_refused_before_anything_is_made(
    plain, changes, complaint, tmp_path
):
    with pytest.raises(InputError, match=complaint):
        run(replace(plain, **changes), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_class_without_a_second_image_is_refused(tmp_path):
    settings = RunSettings(images_per_class=1, device="cpu", baselines=BOTH)
    with pytest.raises(InputError, match="there are 10 images of 10 classes to fit it to: 2 of"):
        run(settings, tmp_path / "run")


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ((("gaussian",),), "unknown baseline 'gaussian': did you mean 'gaussians'"),
        ((("encoder", "encoder"),), "have one twice"),
    ],
)
def test_names_of_none_are_refused(values, complaint):
    with pytest.raises(InputError, match=complaint):
        BaselineSettings(*values)
