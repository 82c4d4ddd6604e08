"""TensorRT plans of exported models, built for GPUs that are not here."""

import importlib.util

import pytest
import torch

from zeroreal.assets import TINY_FASHION
from zeroreal.base import InputError
from zeroreal.engine import Cache, DimensionRange
from zeroreal.export import build_plans, parse_range

FAMILIES = ("sd15", "sd21", "sd-turbo", "lcm", "sdxl")
TARGETS = ("sm_80", "sm_86", "sm_89", "sm_120")

needs_tensorrt = pytest.mark.skipif(
    importlib.util.find_spec("tensorrt_rtx") is None, reason="tensorrt_rtx is not installed"
)


@pytest.mark.slow
@needs_tensorrt
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_builds_for_every_target(tiny_export, tmp_path, family, target):
    exported = tiny_export(family, "fp16")
    plans = build_plans(exported.folder, target, DimensionRange(1, 2, 4), cache=Cache(tmp_path))
    assert set(plans) == {"text_encoder", "denoise", "vae_decoder"}
    for name, plan in plans.items():
        assert plan.report.target == target
        assert plan.report.plan_bytes > plan.report.weight_bytes > 0
        assert plan.report.activation_bytes > 0
        assert "fp16" in plan.precisions
        assert plan.report.weights_digest == exported.graphs[name].file.weights_digest
    denoise = plans["denoise"].report
    assert len(denoise.attention) >= 6
    assert all(layer.fused for layer in denoise.attention)
    assert all("attn" in layer.name for layer in denoise.attention), "named after their modules"
    assert denoise.profile["batch"] == DimensionRange(1, 2, 4)


@needs_tensorrt
@pytest.mark.slow
def test_a_size_range_is_built_where_the_export_leaves_sizes_free(any_size_export, tmp_path):
    plans = build_plans(
        any_size_export.folder,
        "sm_89",
        DimensionRange(1, 2, 4),
        DimensionRange(16, 16, 32),
        cache=Cache(tmp_path),
    )
    assert plans["vae_decoder"].report.profile["height"] == DimensionRange(8, 8, 16)
    assert set(plans["text_encoder"].report.profile) == {"batch"}
    with pytest.raises(InputError, match="multiples of 2 pixels"):
        build_plans(any_size_export.folder, "sm_89", size=DimensionRange(15, 16, 64))


@needs_tensorrt
def test_bad_input_gets_one_sentence(tiny_export, tmp_path):
    folder = tiny_export("sd15", "fp16").folder
    with pytest.raises(InputError, match=r"unknown target 'sm_90'.*sm_89"):
        build_plans(folder, "sm_90", cache=Cache(tmp_path))
    with pytest.raises(InputError, match="exported for 16x16 pixels alone"):
        build_plans(folder, "sm_89", size=DimensionRange(16, 16, 32))
    with pytest.raises(InputError, match="is not an exported model"):
        build_plans(TINY_FASHION, "sm_89")
    if not torch.cuda.is_available():
        with pytest.raises(InputError, match="name one, such as --target sm_89"):
            build_plans(folder)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1:8:16", (1, 8, 16)), ("4", (4, 4, 4)), ("2:8", (2, 8, 8))],
)
def test_ranges_are_read(text, expected):
    assert parse_range(text) == DimensionRange(*expected)


@pytest.mark.parametrize("text", ["", "a:b", "1:2:3:4", "8:4:2", "0", "-1"])
def test_other_ranges_are_refused(text):
    with pytest.raises(InputError):
        parse_range(text)
