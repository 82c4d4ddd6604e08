"""Plans built for GPUs that need not be here, and what their reports say."""

import importlib.util
import logging

import pytest
import torch

from zeroreal.engine.graph import DimensionRange
from zeroreal.engine.tensorrt.build import build_plan
from zeroreal.engine.tensorrt.library import library_version, tensorrt_library, tensorrt_log
from zeroreal.engine.tensorrt.report import PLAN, REPORT, read_report

onnx = pytest.importorskip("onnx")
pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("tensorrt_rtx") is None
    or importlib.util.find_spec("tensorrt") is not None,
    reason="only tensorrt_rtx builds for other GPUs",
)

PROFILE = {"batch": DimensionRange(1, 4, 8), "rows": DimensionRange(1, 8, 16)}


def attention_nodes(graph):
    nodes = onnx.load(graph.path, load_external_data=False).graph.node
    return [node.name for node in nodes if node.op_type == "Attention"]


@pytest.mark.parametrize("target", ["sm_80", "sm_86", "sm_89", "sm_120"])
def test_a_plan_is_built_for_a_gpu_that_is_not_here(graph, tmp_path, target):
    report = build_plan(graph(), PROFILE, target, tmp_path)
    assert report.target == target
    assert report.library == library_version()
    assert report.profile == PROFILE
    assert report.plan_bytes == (tmp_path / PLAN).stat().st_size
    assert read_report(tmp_path) == report
    assert {file.name for file in tmp_path.iterdir()} == {PLAN, REPORT}


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_attention_in_half_precision_is_fused(graph, tmp_path, dtype):
    report = build_plan(graph(dtype), PROFILE, "sm_89", tmp_path)
    (attention,) = report.attention
    assert [attention.name] == attention_nodes(graph(dtype))
    assert (attention.heads, attention.head_size) == (2, 16)
    assert attention.precision == {torch.float16: "fp16", torch.bfloat16: "bf16"}[dtype]
    assert attention.fused
    assert not attention.decomposable
    assert attention.reason == ""


@pytest.mark.parametrize(
    ("dtype", "heads", "head_size", "reason"),
    [(torch.float32, 2, 16, "fp32"), (torch.float16, 1, 512, "head size 512")],
)
def test_attention_without_a_fused_kernel_is_decomposed_and_listed(
    graph, tmp_path, dtype, heads, head_size, reason
):
    net = graph(dtype, heads, head_size)
    report = build_plan(net, PROFILE, "sm_89", tmp_path)
    (attention,) = report.attention
    assert [attention.name] == attention_nodes(net)
    assert attention.decomposable
    assert attention.fused is False
    assert reason in attention.reason


def test_a_kernel_found_beyond_the_documented_head_sizes_counts_as_fused(graph, tmp_path):
    report = build_plan(graph(torch.float16, 2, 12), PROFILE, "sm_89", tmp_path)
    assert report.attention[0].decomposable
    assert report.attention[0].fused


def test_layers_name_their_precision_shapes_and_nodes(graph, tmp_path):
    report = build_plan(graph(), PROFILE, "sm_89", tmp_path)
    model = onnx.load(graph().path, load_external_data=False)
    nodes = {node.name: node.op_type for node in model.graph.node}
    computed = [node for layer in report.layers for node in layer.nodes]
    assert set(computed) <= set(nodes)
    assert {"Conv", "GroupNormalization", "Attention"} <= {nodes[name] for name in computed}
    (first,) = [
        layer
        for layer in report.layers
        if layer.type == "correlation" and layer.shapes[0][1:] == (32, 8, 8)
    ]
    assert first.precision == "fp16"
    assert first.shapes[0][0] == -1


def test_memory_is_that_of_the_weights_and_of_the_largest_batch(graph, tmp_path, net_class):
    report = build_plan(graph(), PROFILE, "sm_89", tmp_path)
    weights = sum(tensor.numel() for tensor in net_class(2, 16).parameters()) * 2
    assert weights <= report.weight_bytes <= 1.1 * weights + 4096
    wide = {"batch": DimensionRange(1, 4, 8), "rows": DimensionRange(1, 8, 1024)}
    assert build_plan(graph(), wide, "sm_89", tmp_path).activation_bytes > report.activation_bytes


def test_building_says_nothing_on_the_terminal(graph, tmp_path, capfd, caplog):
    caplog.set_level(logging.INFO)
    build_plan(graph(), PROFILE, "sm_89", tmp_path)
    assert capfd.readouterr() == ("", "")
    assert caplog.records == []


def test_the_report_is_whole_while_another_object_of_tensorrt_lives(graph, tmp_path):
    runtime = tensorrt_library().Runtime(tensorrt_log())
    assert build_plan(graph(), PROFILE, "sm_89", tmp_path).layers
    del runtime
