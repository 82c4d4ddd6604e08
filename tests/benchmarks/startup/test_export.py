"""The benchmark of exporting, with a model that costs nothing."""

import time
from types import SimpleNamespace

import pytest
import torch

from zeroreal.base import InputError
from zeroreal.benchmarks.harness import Progress
from zeroreal.benchmarks.startup import export
from zeroreal.benchmarks.startup.export import measure_export
from zeroreal.benchmarks.startup.settings import ExportBenchSettings
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


def test_time_and_memory_of_an_export_are_measured(quick, tmp_path):
    lines = []
    found = measure_export(ExportBenchSettings(work=tmp_path), Progress(lines.append))
    graph = found.facts["graphs"]["denoise"]
    assert (graph["precision"], graph["notes"]) == ("float16", ["a note"])
    rows = {row.name: row.metrics for row in found.rows}
    whole = rows["all"]
    assert whole["peak_bytes"].median >= 10**8, "PyTorch alone takes that much"
    assert whole["peak_over_weights"].median == whole["peak_bytes"].median / 1000
    for stage in ("denoise: trace", "denoise: verify"):
        assert 0.1 <= rows[stage]["seconds"].median <= whole["seconds"].median
    assert {row.case for row in found.rows} == {"export"}
    assert list(tmp_path.iterdir()) == [], "the model and its export are gone"
    assert lines == ["making a model of random weights", "denoise: trace", "denoise: verify"]


def test_plans_that_cannot_be_built_are_in_the_result_with_the_reason(quick, monkeypatch):
    def refuse(out, target, batch, *, cache, on_progress):
        raise InputError(f"there is no compiler for {target}")

    monkeypatch.setattr(export, "build_plans", refuse)
    kept = []
    found = measure_export(ExportBenchSettings(target="sm_89"), Progress(keep=kept.append))
    last = found.rows[-1]
    assert last.key == ("plans for sm_89, batch 1:8:16", "tensorrt")
    assert last.reason == "there is no compiler for sm_89"
    assert [(one.rows, one.finished) for one in kept] == [(found.rows[:-1], False)]


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
        measure_export(ExportBenchSettings(**settings))
    assert complaint in str(error.value)


def test_stages_share_the_time_out_among_them(monkeypatch):
    from zeroreal.benchmarks.startup import stages as module

    clock = iter([0.0, 1.0, 3.0, 7.0])
    monkeypatch.setattr(module.time, "perf_counter", lambda: next(clock))
    stages = Stages()
    for name in ("trace", "write", "trace"):
        stages.enter(name)
    assert stages.seconds == {"start": 1.0, "trace": 2.0, "write": 4.0}
