"""TensorRT plans with layers in 8-bit floats, built for GPUs that are not here."""

import importlib.util
import shutil
from dataclasses import replace

import onnx
import pytest
import torch

from zeroreal.assets import TINY_FASHION
from zeroreal.base import InputError
from zeroreal.engine import Cache, DimensionRange, inspect_plan
from zeroreal.engine.tensorrt.build import build_plan
from zeroreal.export import EngineChoice, build_plans, load_engines
from zeroreal.export.engines.float8_targets import check_fp8_target
from zeroreal.export.engines.model_export import exported_model
from zeroreal.export.model.parts import OWN_UNET, PartsChoice
from zeroreal.generate.own_trajectories import record_own_steps

OWN = PartsChoice(unet=OWN_UNET)
CHOICE = EngineChoice("onnxruntime", None, torch.device("cpu"), "auto", batch_size=2)

needs_tensorrt = pytest.mark.skipif(
    importlib.util.find_spec("tensorrt_rtx") is None, reason="tensorrt_rtx is not installed"
)


@pytest.mark.slow
@needs_tensorrt
@pytest.mark.parametrize("target", ["sm_89", "sm_120"])
def test_exactly_the_layers_exported_in_8_bits_multiply_in_8_bits(tiny_export, tmp_path, target):
    graph = tiny_export("sd15", "fp8").graphs["denoise"]
    sizes = {"batch": DimensionRange(1, 2, 4), "rows": DimensionRange(1, 4, 8)}
    build_plan(graph.file, sizes, target, tmp_path)
    inspection = inspect_plan(tmp_path)
    computed = {node.rpartition("/")[0] for node in inspection.fp8_nodes}
    assert computed == set(graph.fp8.scales())
    nodes = {node.name for node in onnx.load(graph.file.path, load_external_data=False).graph.node}
    assert nodes.issuperset(inspection.fp8_nodes)
    products = [one for one in inspection.report.layers if one.type in ("gemm", "correlation")]
    # Results are in float16: a scale for each channel would make convolutions write float32.
    assert {layer.precision for layer in products if "fp8" in layer.operands} == {"fp16"}
    assert all(layer.fused for layer in inspection.report.attention)


@pytest.mark.slow
@needs_tensorrt
def test_plans_without_8_bits_have_none(tiny_export, tmp_path):
    graph = tiny_export("sd15", "fp16").graphs["denoise"]
    sizes = {"batch": DimensionRange(1, 2, 4), "rows": DimensionRange(1, 4, 8)}
    build_plan(graph.file, sizes, "sm_89", tmp_path)
    assert inspect_plan(tmp_path).fp8_nodes == ()


def test_gpus_before_ada_and_refitting_are_refused(tiny_export, tmp_path):
    folder = tiny_export("sd15", "fp8").folder
    with pytest.raises(InputError, match="needs a GPU from sm_89 on, not sm_86: use 'fp16'"):
        build_plans(folder, "sm_86", cache=Cache(tmp_path))
    with pytest.raises(InputError, match="cannot be refitted with others, leave --refittable out"):
        build_plans(folder, "sm_89", refittable=True, cache=Cache(tmp_path))
    for target in ("sm_89", "sm_90", "sm_100", "sm_120"):
        check_fp8_target(target)


def test_onnxruntime_is_refused(tiny_export, tmp_path):
    folder = tiny_export("sd15", "fp8").folder
    with pytest.raises(InputError, match="in fp8, and ONNX Runtime multiplies in fp32 and fp16"):
        load_engines(folder, CHOICE, Cache(tmp_path))
    with pytest.raises(InputError, match=r"'fp8' was asked for, engine 'onnxruntime' has fp32 and"):
        load_engines(TINY_FASHION, replace(CHOICE, precision="fp8"), Cache(tmp_path))


def test_a_precision_that_the_folder_is_not_in_is_refused(tiny_export, tmp_path, monkeypatch):
    monkeypatch.setattr("zeroreal.export.engines.exported.check_choice", lambda choice: None)
    choice = replace(CHOICE, backend="tensorrt", precision="fp16")
    with pytest.raises(InputError, match=r"'fp16' was asked for, .* was exported in fp8"):
        load_engines(tiny_export("sd15", "fp8").folder, choice, Cache(tmp_path))
    half = tiny_export("sd15", "fp16").folder
    with pytest.raises(InputError, match=r"'fp8' was asked for, .* was exported in float16"):
        load_engines(half, replace(choice, precision="fp8"), Cache(tmp_path))


def test_a_model_is_exported_in_8_bits_once_for_tensorrt(
    tiny_model, tiny_export, tmp_path, monkeypatch
):
    asked = []

    def export(folder, out, settings, on_progress, record_steps):
        asked.append((settings.precision, record_steps))
        shutil.copytree(tiny_export("sd15", settings.precision).folder, out)

    monkeypatch.setattr("zeroreal.export.engines.model_export.export_model", export)
    choice = replace(
        CHOICE, backend="tensorrt", precision="fp8", parts=OWN, record_steps=record_own_steps
    )
    cache = Cache(tmp_path)

    def exported(precision):
        chosen = replace(choice, precision=precision)
        return exported_model(tiny_model("sd15"), chosen, cache, lambda progress: None)

    assert exported("fp8").graphs["denoise"].fp8 is not None
    assert exported("fp8").graphs["denoise"].fp8 is not None
    assert asked == [("fp8", record_own_steps)]
    assert exported("fp16").graphs["denoise"].fp8 is None
    assert [precision for precision, _ in asked] == ["fp8", "fp16"]
