"""What is kept of TensorRT's messages, and reports read back."""

import json
from dataclasses import replace

import pytest

from zeroreal.base.errors import InputError
from zeroreal.engine.graph import DimensionRange
from zeroreal.engine.tensorrt.attention import with_fusion
from zeroreal.engine.tensorrt.build_log import BuildLog, plain_error
from zeroreal.engine.tensorrt.inspect import inspect_plan
from zeroreal.engine.tensorrt.report import (
    REPORT,
    AttentionLayer,
    BuildReport,
    Layer,
    read_report,
    write_report,
)

# As tensorrt_rtx 1.7.1 writes it, shortened.
LISTING = """Layers:
Name: __mye52_0_myl0_0, LayerType: shape_call, Inputs: [], Constants: [], Outputs: [], \
TacticName: , StreamId: 0, Metadata:\x20
Name: split_myl0_1, LayerType: kgen, Inputs: [ { Name: x, Dimensions: [1], Strides: [1], \
Datatype: Float, Format: (Linear) Row major linear format }], Constants: [], Outputs: [ { Name: \
a, Dimensions: [-1,16], Strides: [16,1], Datatype: Half, Format: (NHWC) Channel major format }, \
{ Name: b, Dimensions: [], Strides: [], Datatype: Int64, Format: (Linear) Row major linear format \
}], TacticName: split_0x1, StreamId: 0, Metadata: [ONNX Layer: cast][ONNX Layer: unet/split_7]
Name: _gemm_mha_v2_myl0_2, LayerType: kgen, Inputs: [], Constants: [], Outputs: [ { Name: c, \
Dimensions: [-1,4,16,32], Strides: [2048,512,32,1], Datatype: BFloat16, Format: (Linear) Row \
major linear format }], TacticName: _gemm_mha_v2_0x2, StreamId: 0, Metadata: [ONNX Layer: fast]

I/O Tensors:
 Name: latents, IOMode: Input, DataType: Float, Dimensions: [-1,4,8,8], Location: Device
"""

SPLIT = Layer("split_myl0_1", "kgen", "fp16", ((-1, 16), ()), ("cast", "unet/split_7"), ("fp32",))
ATTENTION = Layer("_gemm_mha_v2_myl0_2", "kgen", "bf16", ((-1, 4, 16, 32),), ("fast",))

# A convolution in 8 bits: its weights are the largest of its constants.
NARROW = """Layers:
Name: conv_myl0_2, LayerType: correlation, Inputs: [ { Name: x, Dimensions: [-1,64,16,16], \
Strides: [16384,1,1024,64], Datatype: FP8, Format: (NHWC) Channel major format }], Constants: [ \
{ Name: scale, Dimensions: [1,64,1,1], Strides: [64,1,64,64], Datatype: Float, Format: (NHWC) \
Channel major format }, { Name: weights, Dimensions: [64,64,3,3], Strides: [576,1,192,64], \
Datatype: FP8, Format: (NHWC) Channel major format }, { Name: bias, Dimensions: [1,64,1,1], \
Strides: [64,1,64,64], Datatype: Half, Format: (NHWC) Channel major format }], Outputs: [ { \
Name: y, Dimensions: [-1,64,16,16], Strides: [16384,1,1024,64], Datatype: Half, Format: (NHWC) \
Channel major format }], TacticName: stub, StreamId: 0, Metadata: [ONNX Layer: unet.conv/Conv_3]\
[ONNX Layer: x_DequantizeLinear]
"""


def attention(name, **changes):
    known = {"heads": 4, "head_size": 32, "precision": "bf16", "decomposable": False}
    return AttentionLayer(name=name, **{**known, "fused": None, "reason": "", **changes})


REPORT_OF_TWO = BuildReport(
    graph="unet",
    structure_digest="5",
    weights_digest="6",
    library="tensorrt_rtx 1.7.1",
    target="sm_89",
    profile={"batch": DimensionRange(1, 4, 8)},
    refittable=False,
    seconds=2.5,
    plan_bytes=4096,
    weight_bytes=2048,
    activation_bytes=None,
    layers=(SPLIT, ATTENTION),
    attention=(attention("fast", fused=True),),
)


def test_the_listing_gives_the_layers_that_compute_something():
    messages = BuildLog()
    messages("VERBOSE", LISTING)
    assert messages.layers == (SPLIT, ATTENTION)


def test_a_layer_s_operands_are_its_first_input_and_its_largest_constant():
    messages = BuildLog()
    messages("VERBOSE", NARROW)
    (layer,) = messages.layers
    assert (layer.operands, layer.precision) == (("fp8", "fp8"), "fp16")


def test_an_inspection_names_the_products_in_8_bits(tmp_path):
    messages = BuildLog()
    messages("VERBOSE", NARROW)
    # Weights in 8 bits alone, as where an activation stays wide.
    half = replace(messages.layers[0], nodes=("b/MatMul_4",), operands=("fp16", "fp8"))
    write_report(replace(REPORT_OF_TWO, layers=(*messages.layers, half)), tmp_path)
    assert inspect_plan(tmp_path).fp8_nodes == ("unet.conv/Conv_3",)


def test_memory_is_read_from_its_totals():
    messages = BuildLog()
    messages("INFO", "Total Device Persistent Memory: 1 bytes")
    messages("INFO", "Total Activation Memory: 14635008 bytes")
    messages("INFO", "Total Weights Memory: 23098496 bytes")
    assert messages.bytes == {"Activation": 14635008, "Weights": 23098496}


@pytest.mark.parametrize(
    ("message", "told"),
    [
        (
            "IBuilder::buildSerializedNetwork: Error Code 1: Myelin ([pass.cpp:1500: run_passes] "
            "Cannot compile for target(s) sm75.  In compileGraph at /_src/codeGenerator.cpp:2012)",
            "Cannot compile for target(s) sm75",
        ),
        ("Failed to open\nfile: net.onnx.data", "Failed to open file: net.onnx.data"),
    ],
)
def test_errors_come_without_places_in_tensorrt_s_source(message, told):
    assert plain_error(message) == told
    messages = BuildLog()
    messages("INTERNAL_ERROR", message)
    messages("WARNING", "not an error")
    assert messages.errors == [told]


def test_attention_is_fused_where_one_kernel_of_attention_computes_it():
    slow = attention("slow", decomposable=True, reason="head size 512")
    fused, split, surprise = with_fusion(
        [attention("fast"), slow, attention("unet/split_7")], [SPLIT, ATTENTION]
    )
    assert fused == attention("fast", fused=True)
    assert split == attention("slow", decomposable=True, fused=False, reason="head size 512")
    assert surprise.fused is False
    assert surprise.reason == "TensorRT chose several kernels"


def test_without_a_listing_fusion_is_unknown():
    assert with_fusion([attention("fast")], []) == (attention("fast", fused=None),)


def test_a_report_reads_back_as_it_was_written(tmp_path):
    write_report(REPORT_OF_TWO, tmp_path)
    assert read_report(tmp_path) == REPORT_OF_TWO


def test_an_inspection_counts_layers_by_precision(tmp_path):
    write_report(REPORT_OF_TWO, tmp_path)
    inspection = inspect_plan(tmp_path)
    assert inspection.report == REPORT_OF_TWO
    assert inspection.precisions == {"fp16": 1, "bf16": 1}
    assert inspection.loaded is None


@pytest.mark.parametrize(
    "content",
    [None, "{", "[]", "null", '{"format": 0}', json.dumps({"format": 1, "graph": "unet"})],
)
def test_what_is_no_report_is_refused_by_name(tmp_path, content):
    if content is not None:
        (tmp_path / REPORT).write_text(content)
    with pytest.raises(InputError, match=r"^report .*[:;] build the plan again$") as error:
        inspect_plan(tmp_path)
    assert str(tmp_path / REPORT) in str(error.value)
