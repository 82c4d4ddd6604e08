"""Probing a file that was deployed of a run."""

import pytest

from zeroreal.base import InputError
from zeroreal.run import ProbeSettings, probe_run


def test_a_file_is_probed_as_the_run_is(finished, deployment, cards, tmp_path):
    settings = ProbeSettings(data=cards(40, 1), corruptions=("contrast", "fog"), device="cpu")
    by_run = probe_run(finished, settings, tmp_path / "run").report
    by_file = probe_run(deployment.folder / "model.onnx", settings, tmp_path / "file").report
    assert by_file.accuracy == by_run.accuracy
    pairs = zip(by_file.corruptions, by_run.corruptions, strict=True)
    assert all(one.accuracy == pytest.approx(other.accuracy, abs=0.01) for one, other in pairs)
    assert all(one.remedy is None for one in by_file.advice)


def test_a_file_needs_labelled_images(deployment, tmp_path):
    with pytest.raises(InputError, match="has no model to generate images with: give labelled"):
        probe_run(deployment.folder / "model.onnx", out=tmp_path)
