"""What no plan can be built of, or for."""

import importlib.util
from dataclasses import replace

import pytest
import torch

from zeroreal.base.errors import InputError
from zeroreal.engine.graph import DimensionRange
from zeroreal.engine.tensorrt.build import build_plan

onnx = pytest.importorskip("onnx")
pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("tensorrt_rtx") is None
    or importlib.util.find_spec("tensorrt") is not None,
    reason="only tensorrt_rtx builds for other GPUs",
)

PROFILE = {"batch": DimensionRange(1, 4, 8), "rows": DimensionRange(1, 8, 16)}


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


def test_a_graph_other_than_its_manifest_says_is_refused(graph, tmp_path, spec_of):
    other = replace(graph(), spec=spec_of(torch.float32))
    with pytest.raises(InputError, match=r"'latents' .* torch\.float16 .* not torch\.float32"):
        build_plan(other, PROFILE, "sm_89", tmp_path)
