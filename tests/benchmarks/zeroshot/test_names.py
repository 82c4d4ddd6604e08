"""How contenders that classify without training are named."""

import pytest

from zeroreal.base import InputError
from zeroreal.benchmarks.zeroshot.names import ZeroshotName, parse_name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("diffusers/bf16@32", ("diffusion", "diffusers", "", "bf16", 32)),
        ("diffusers:compiled/fp32", ("diffusion", "diffusers:compiled", "", "fp32", None)),
        ("ours:torch:compiled/fp32", ("diffusion", "ours", "torch:compiled", "fp32", None)),
        ("transformers@64", ("encoder", "transformers", "", "", 64)),
        ("encoder:torch", ("encoder", "ours", "torch", "", None)),
    ],
)
def test_names_say_what_classifies(text, expected):
    name = parse_name(text)
    assert name == ZeroshotName(text, *expected)
    assert name.chooses_batch == (text == "encoder:torch")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("optimum:onnxruntime/fp32", "unknown contender 'optimum:onnxruntime/fp32'"),
        ("ours:torch", "has no precision of fp32"),
        ("ours:auto/fp32", "unknown engine 'auto'"),
        ("ours:torch/fp32/graphs", "has graphs, which classifying has no use for"),
        ("ours:torch/fp32@8:4", "has 4 images a batch of the VAE, which"),
        ("transformers/fp16", "unknown contender"),
        ("transformers@0", "'0' is not a batch size"),
        ("encoder:onyx", "unknown engine of encoders 'onyx'"),
        ("encoder:torch@8", "has a batch, which our encoders choose"),
    ],
)
def test_other_names_are_refused(text, complaint):
    with pytest.raises(InputError, match=complaint):
        parse_name(text)
