"""The benchmark of exporting, with a model that costs nothing."""

import json
import time
from types import SimpleNamespace

import pytest
import torch

from zeroreal.base import InputError
from zeroreal.benchmarks.startup import export
from zeroreal.benchmarks.startup.export import ExportBenchSettings, bench_export
from zeroreal.benchmarks.startup.stages import Stages
from zeroreal.export import ExportProgress
from zeroreal.export.onnx.verify import OutputError


@pytest.fixture
def quick(monkeypatch):
    """Stands in for the model and its export: one graph of 1 kB, in two stages of 0.1 s."""

    def export_model(model, out, settings, progress):
        assert (model / "weights").read_text() == "sd15"
        for stage in ("trace", "verify"):
            progress(ExportProgress("denoise", stage))
            time.sleep(0.1)
        error = OutputError("noise_pred", "batch of 2", 1e-6, 2e-6)
        graph = SimpleNamespace(
            precision=torch.float16, weight_bytes=1000, errors=(error,), notes=("a note",)
        )
        return SimpleNamespace(graphs={"denoise": graph}, generate_size=(512, 512))

    def make_model(name, folder):
        folder.mkdir()
        (folder / "weights").write_text(name)

    monkeypatch.setattr(export, "_make_model", make_model)
    monkeypatch.setattr(export, "export_model", export_model)


def test_time_and_memory_of_an_export_are_measured_and_written(quick, tmp_path):
    path, lines = tmp_path / "export.json", []
    result = bench_export(ExportBenchSettings(work=tmp_path, result=path), lines.append)
    assert json.loads(path.read_text()) == result
    assert result["graphs"]["denoise"]["precision"] == "float16"
    assert result["graphs"]["denoise"]["notes"] == ["a note"]
    assert result["peak_bytes"] >= 10**8, "PyTorch alone takes that much"
    assert result["peak_over_weights"] == result["peak_bytes"] / 1000
    for stage in ("denoise: trace", "denoise: verify"):
        assert 0.1 <= result["stages"][stage]["seconds"] <= result["seconds"]
    assert "tensorrt" not in result
    assert list(tmp_path.iterdir()) == [path], "the model and its export are gone"
    assert lines == ["making a model of random weights", "denoise: trace", "denoise: verify"]


def test_plans_that_cannot_be_built_are_in_the_result_with_the_reason(quick, monkeypatch):
    def refuse(out, target, batch, *, cache, on_progress):
        raise InputError(f"there is no compiler for {target}")

    monkeypatch.setattr(export, "build_plans", refuse)
    result = bench_export(ExportBenchSettings(target="sm_89"))
    assert result["tensorrt"] == {"reason": "there is no compiler for sm_89"}


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"architecture": "sd16"}, "unknown architecture 'sd16'"),
        ({"batch": "many"}, "'many'"),
    ],
)
def test_bad_settings_get_one_sentence_before_anything_is_made(monkeypatch, settings, complaint):
    monkeypatch.setattr(export, "_make_model", None)
    with pytest.raises(InputError) as error:
        bench_export(ExportBenchSettings(**settings))
    assert complaint in str(error.value)


def test_stages_share_the_time_out_among_them(monkeypatch):
    from zeroreal.benchmarks.startup import stages as module

    clock = iter([0.0, 1.0, 3.0, 7.0])
    monkeypatch.setattr(module.time, "perf_counter", lambda: next(clock))
    stages = Stages()
    for name in ("trace", "write", "trace"):
        stages.enter(name)
    assert stages.seconds == {"start": 1.0, "trace": 2.0, "write": 4.0}
