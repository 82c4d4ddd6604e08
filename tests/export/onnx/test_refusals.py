"""What cannot be exported, and that nothing of it remains."""

import errno
import sys

import pytest
import torch

from zeroreal.assets import TINY_FASHION
from zeroreal.base import InputError
from zeroreal.export import ExportSettings, export_model


def test_a_graph_that_is_wrong_is_not_written(tiny_model, tmp_path, monkeypatch):
    from zeroreal.export.graphs import steps as graphs

    original = graphs.DenoiseStep.forward

    def wrong_when_exported(self, *args, **kwargs):
        following, carry = original(self, *args, **kwargs)
        return (following * 1.01, carry) if torch.compiler.is_exporting() else (following, carry)

    monkeypatch.setattr(graphs.DenoiseStep, "forward", wrong_when_exported)
    with pytest.raises(InputError) as caught:
        export_model(tiny_model("sd15"), tmp_path / "out")
    assert "output 'next_latents' of denoise differs from PyTorch by 0.01" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()]
)
def test_nothing_half_written_remains(tiny_model, tmp_path, monkeypatch, error):
    from zeroreal.export.onnx import exporter

    def fail(*_):
        raise error

    monkeypatch.setattr(exporter, "graph_digests", fail)
    with pytest.raises((InputError, KeyboardInterrupt)) as caught:
        export_model(tiny_model("sd15"), tmp_path / "deep" / "out")
    if isinstance(error, OSError):
        assert "no space is left" in str(caught.value)
    assert list((tmp_path / "deep").iterdir()) == []


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"precision": "fp4"}, "unknown precision 'fp4'"),
        ({"precision": "fp8"}, "'fp8' is calibrated on steps of the model, and nothing records"),
        ({"vae_precision": "fp8"}, "unknown VAE precision 'fp8'"),
        ({"vae_precision": "int8"}, "unknown VAE precision 'int8'"),
        ({"generate_size": (31, 32)}, "multiples of 2 pixels"),
        ({"generate_size": (32, 32), "any_size": True}, "both"),
    ],
)
def test_bad_settings_get_one_sentence(tiny_model, tmp_path, settings, complaint):
    with pytest.raises(InputError, match=complaint):
        export_model(tiny_model("sd15"), tmp_path / "out", ExportSettings(**settings))
    assert not (tmp_path / "out").exists()


def test_an_unused_folder_is_asked_for(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="not a new or empty folder"):
        export_model(TINY_FASHION, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("missing", ["onnxruntime", "onnxscript"])
def test_a_missing_extra_is_named(tmp_path, monkeypatch, missing):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(InputError, match=r"pip install 'zeroreal\[onnx\]'"):
        export_model(TINY_FASHION, tmp_path / "out")
