"""Names of contenders."""

import pytest

from zeroreal.base import InputError
from zeroreal.benchmarks.generation.contender import GeneratorName, parse_contender


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("diffusers/fp32", ("diffusers", "", "fp32")),
        ("diffusers:compiled/bf16@16", ("diffusers:compiled", "", "bf16", "auto", False, 16)),
        ("optimum:onnxruntime/fp32", ("optimum:onnxruntime", "", "fp32")),
        ("optimum:openvino/bf16@4", ("optimum:openvino", "", "bf16", "auto", False, 4)),
        ("ours:torch/fp32", ("ours", "torch", "fp32")),
        ("ours:onnxruntime:cuda/fp16", ("ours", "onnxruntime:cuda", "fp16")),
        ("ours:torch/bf16/cudnn/graphs@32:8", ("ours", "torch", "bf16", "cudnn", True, 32, 8)),
        ("ours:torch:compiled/fp8/graphs", ("ours", "torch:compiled", "fp8", "auto", True)),
        ("ours:tensorrt/fp16/graphs", ("ours", "tensorrt", "fp16", "auto", True)),
        ("diffusers:channels-last/bf16", ("diffusers:channels-last", "", "bf16")),
    ],
)
def test_a_name_says_what_runs_and_how(text, parts):
    assert parse_contender(text) == GeneratorName(text, *parts)


def test_ours_can_do_without_kernels_and_with_levers():
    name = parse_contender("ours:torch/fp32/unfused/4-steps/deep-cache-2@8")
    assert (name.fused, name.levers) == (False, ("4-steps", "deep-cache-2"))
    assert name.changes == {"steps": 4, "deep_cache": 2}
    assert parse_contender("ours:torch/fp32").fused
    assert parse_contender("ours:torch/fp32").changes == {}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("difusers/fp32", "unknown contender 'difusers/fp32': did you mean"),
        ("ours/fp32", "unknown contender 'ours/fp32'"),
        ("ours:tensort/fp16", "unknown engine 'tensort': did you mean 'tensorrt'?"),
        ("ours:torch:quick/fp32", "unknown variant of engine torch 'quick'"),
        ("diffusers", "has no precision of fp32, bf16, fp16: write ours:ENGINE/PRECISION"),
        ("optimum:onnxruntime/bf16", "has no precision of fp32, fp16"),
        ("diffusers/fp8", "has no precision of fp32, bf16, fp16"),
        ("ours:torch/fp8", "has no precision of fp32, bf16, fp16"),
        ("ours:torch/bf16/fp8-simulated", "unknown option of contender"),
        ("diffusers/fp16/xformers", "unknown option of contender"),
        ("diffusers/fp16/4-steps", "unknown option of contender"),
        ("ours:torch/fp16/5-steps", "did you mean"),
        ("ours:torch/fp16/flush", "did you mean 'flash'?"),
        ("diffusers/fp32@", "'' is not a batch size for contender 'diffusers/fp32@': write @8"),
        ("diffusers/fp32@0", "'0' is not a batch size"),
        ("diffusers/fp32@8:4", "'8:4' is not a batch size"),
        ("ours:torch/fp32@8:x", "'8:x' is not a batch size"),
    ],
)
def test_a_name_that_cannot_be_read_gets_one_sentence(text, complaint):
    with pytest.raises(InputError) as error:
        parse_contender(text)
    assert complaint in str(error.value)


def test_an_unknown_program_gets_a_list_of_all():
    with pytest.raises(InputError) as error:
        parse_contender("comfyui/fp16")
    for known in ("diffusers:compiled", "optimum:openvino", "ours:torch:compiled", "ours:tensorrt"):
        assert known in str(error.value)
