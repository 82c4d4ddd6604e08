"""Plans built for GPUs that need not be here, and what their reports say."""

import functools
import importlib.util
import logging
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from zeroreal.base.errors import InputError
from zeroreal.engine.cache import Cache
from zeroreal.engine.graph import DimensionRange, GraphFile, GraphSpec, TensorSpec
from zeroreal.engine.tensorrt.build import build_plan
from zeroreal.engine.tensorrt.cached import cached_plan, plan_key
from zeroreal.engine.tensorrt.library import library_version, tensorrt_library, tensorrt_log
from zeroreal.engine.tensorrt.report import PLAN, REPORT, read_report

onnx = pytest.importorskip("onnx")
pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("tensorrt_rtx") is None
    or importlib.util.find_spec("tensorrt") is not None,
    reason="only tensorrt_rtx builds for other GPUs",
)

PROFILE = {"batch": DimensionRange(1, 4, 8), "rows": DimensionRange(1, 8, 16)}


class Net(nn.Module):
    """The operators of a denoiser: indexed rows, convolution, group norm, attention."""

    def __init__(self, heads, head_size):
        super().__init__()
        width = heads * head_size
        self.heads, self.head_size = heads, head_size
        self.conv_in = nn.Conv2d(4, width, 3, padding=1)
        self.norm = nn.GroupNorm(4, width)
        self.project = nn.Linear(width, 3 * width)
        self.conv_out = nn.Conv2d(width, 4, 3, padding=1)

    def forward(self, latents, rows):
        hidden = F.silu(self.norm(self.conv_in(latents[rows])))
        projected = self.project(hidden.flatten(2).transpose(1, 2))
        queries, keys, values = projected.unflatten(2, (3, self.heads, self.head_size)).unbind(2)
        attended = F.scaled_dot_product_attention(
            queries.transpose(1, 2), keys.transpose(1, 2), values.transpose(1, 2)
        )
        attended = attended.transpose(1, 2).flatten(2).transpose(1, 2).unflatten(2, (8, 8))
        return self.conv_out(hidden + attended)


def spec(dtype):
    return GraphSpec(
        "net",
        (
            TensorSpec("latents", dtype, ("batch", 4, 8, 8)),
            TensorSpec("rows", torch.int64, ("rows",)),
        ),
        (TensorSpec("out", dtype, ("rows", 4, 8, 8)),),
    )


@pytest.fixture(scope="module")
def graph(tmp_path_factory):
    """Exports `Net` of a dtype, number of heads and head size, each once."""

    @functools.cache
    def export(dtype=torch.float16, heads=2, head_size=16):
        path = tmp_path_factory.mktemp("graph") / "net.onnx"
        torch.manual_seed(0)
        net = Net(heads, head_size).to(dtype).eval()
        batch, rows = torch.export.Dim("batch"), torch.export.Dim("rows")
        program = torch.onnx.export(
            net,
            (torch.zeros(3, 4, 8, 8, dtype=dtype), torch.zeros(5, dtype=torch.int64)),
            dynamo=True,
            opset_version=23,
            dynamic_shapes={"latents": {0: batch}, "rows": {0: rows}},
            output_names=["out"],
            verbose=False,
        )
        program.save(path, external_data=True)
        return GraphFile(path, spec(dtype), "structure", "weights")

    return export


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


def test_memory_is_that_of_the_weights_and_of_the_largest_batch(graph, tmp_path):
    report = build_plan(graph(), PROFILE, "sm_89", tmp_path)
    weights = sum(tensor.numel() for tensor in Net(2, 16).parameters()) * 2
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


def test_an_unknown_target_lists_those_that_there_are(graph, tmp_path):
    with pytest.raises(InputError, match="unknown target 'sm_90'") as error:
        build_plan(graph(), PROFILE, "sm_90", tmp_path)
    for target in ("sm_75", "sm_80", "sm_86", "sm_89", "sm_120"):
        assert target in str(error.value)


def test_what_the_target_cannot_compute_is_told_in_tensorrt_s_words(graph, tmp_path):
    with pytest.raises(InputError, match=r"net for sm_75 \(Cannot compile for target.*b16\): try"):
        build_plan(graph(torch.bfloat16), PROFILE, "sm_75", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_dimension_without_a_range_is_named(graph, tmp_path):
    with pytest.raises(InputError, match="dimension 'rows'"):
        build_plan(graph(), {"batch": PROFILE["batch"]}, "sm_89", tmp_path)


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is here")
def test_a_refittable_plan_needs_a_gpu(graph, tmp_path):
    with pytest.raises(InputError, match="needs a GPU"):
        build_plan(graph(), PROFILE, "sm_89", tmp_path, refittable=True)


def truncated(path):
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def without_weights(path):
    path.with_name(path.name + ".data").unlink()


def with_an_unknown_operator(path):
    model = onnx.load(path, load_external_data=False)
    next(node for node in model.graph.node if node.op_type == "Attention").op_type = "Attentive"
    onnx.save(model, path)


def emptied(path):
    path.write_bytes(b"")


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (truncated, "Failed to parse"),
        (without_weights, "Failed to import initializer"),
        (with_an_unknown_operator, "Attentive node_scaled_dot_product_attention"),
        (emptied, "has the tensors none"),
    ],
)
def test_a_damaged_graph_is_refused_by_name(graph, tmp_path, damage, complaint):
    for file in graph().path.parent.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    damaged = replace(graph(), path=tmp_path / "net.onnx")
    damage(damaged.path)
    (tmp_path / "plan").mkdir()
    with pytest.raises(InputError, match=complaint) as error:
        build_plan(damaged, PROFILE, "sm_89", tmp_path / "plan")
    assert str(damaged.path) in str(error.value)
    assert list((tmp_path / "plan").iterdir()) == []


def test_a_graph_other_than_its_manifest_says_is_refused(graph, tmp_path):
    other = replace(graph(), spec=spec(torch.float32))
    with pytest.raises(InputError, match=r"'latents' .* torch\.float16 .* not torch\.float32"):
        build_plan(other, PROFILE, "sm_89", tmp_path)


def test_a_plan_is_built_once_for_each_target(graph, tmp_path, monkeypatch):
    cache = Cache(tmp_path / "cache")
    folders = [cached_plan(graph(), PROFILE, target, cache) for target in ("sm_80", "sm_89")]
    assert [read_report(folder).target for folder in folders] == ["sm_80", "sm_89"]
    monkeypatch.setattr(
        "zeroreal.engine.tensorrt.build.build_plan", lambda *_, **__: pytest.fail("it is built")
    )
    assert cached_plan(graph(), PROFILE, "sm_89", cache) == folders[1]
    assert cache.verify()[0].problem is None


def test_a_plan_s_key_tells_apart_what_makes_plans_differ(graph, monkeypatch):
    monkeypatch.setattr("zeroreal.engine.tensorrt.cached.driver_version", lambda: "13020")
    keys = [
        plan_key(graph(), PROFILE, "sm_89"),
        plan_key(graph(), PROFILE, "sm_89", ahead_of_time=True),
        plan_key(graph(), PROFILE, "sm_89", refittable=True),
        plan_key(graph(), PROFILE, "sm_86"),
        plan_key(graph(), {**PROFILE, "batch": DimensionRange(1, 8, 8)}, "sm_89"),
        plan_key(replace(graph(), structure_digest="other"), PROFILE, "sm_89"),
        plan_key(replace(graph(), weights_digest="other"), PROFILE, "sm_89"),
    ]
    assert len({key.digest for key in keys}) == len(keys)
    assert keys[0].driver == "13020"
    assert keys[1].driver is None


def test_a_refittable_plan_serves_all_weights_of_its_architecture(graph):
    build = {"profile": PROFILE, "target": "sm_89", "ahead_of_time": True}
    one, other = graph(), replace(graph(), weights_digest="other")
    assert plan_key(one, refittable=True, **build) == plan_key(other, refittable=True, **build)
    assert plan_key(one, **build) != plan_key(other, **build)
