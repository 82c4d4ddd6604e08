"""`zeroreal build`: what it prints, where plans go, and its complaints."""

import importlib.util
import inspect
import sys

import pytest
import torch

import zeroreal.export
from zeroreal.assets import TINY_FASHION
from zeroreal.cli.build import build
from zeroreal.engine import Cache, DimensionRange, targets
from zeroreal.engine.tensorrt.report import PLAN
from zeroreal.export import parse_range
from zeroreal.export.engines.build import DEFAULT_BATCH

needs_tensorrt = pytest.mark.skipif(
    importlib.util.find_spec("tensorrt_rtx") is None, reason="tensorrt_rtx is not installed"
)
no_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is here")


@pytest.fixture
def folder(tiny_export):
    return tiny_export("sd15", "fp16").folder


@needs_tensorrt
def test_plans_are_built_and_the_tables_name_graphs_attention_and_layers(command, folder, tmp_path):
    arguments = ("build", folder, "--target", "sm_89", "--batch", "1:2:4", "--cache", tmp_path)
    done = command(*arguments, "--inspect")
    assert done.returncode == 0, done.stderr
    assert "Plans for sm_89 by tensorrt_rtx" in done.stdout
    entries = {entry.key.name: entry for entry in Cache(tmp_path).entries()}
    assert set(entries) == {"text_encoder", "denoise", "vae_decoder"}
    for name, entry in entries.items():
        (row,) = [line for line in done.stdout.splitlines() if line.startswith(f"│ {name} ")]
        assert "fp16" in row
        assert f"{(entry.path / PLAN).stat().st_size / 1e6:,.1f} MB" in row
        assert f"Layers of {name}" in done.stdout
    assert "batch 1..4" in done.shown
    assert "rows 1..8" in done.shown, "every image may have guidance"
    assert "denoise: 8 of 8 attention layers are fused" in done.stdout
    assert "down_blocks.1.attentions.0.transformer_blocks.0.attn2" in done.shown
    assert "3/3" in done.stderr, "the bar is full in the end"
    again = command(*arguments)
    assert again.returncode == 0
    assert "Layers of" not in again.stdout, "not unless they are asked for"
    assert "denoise: 8 of 8 attention layers are fused" in again.stdout


def test_options_are_passed_on(command, folder, monkeypatch, tmp_path):
    calls = []

    def build_plans(folder, target, batch, size, **options):
        calls.append((folder, target, batch, size, options["refittable"], options["cache"].root))
        raise SystemExit

    monkeypatch.setattr(zeroreal.export, "build_plans", build_plans)
    command("build", folder, "--batch", "2:8", "--cache", tmp_path, "--size", "64:96:128")
    command("build", folder, "--refittable", "--target", "sm_120")
    sizes = DimensionRange(64, 96, 128)
    assert calls == [
        (folder, None, DimensionRange(2, 8, 8), sizes, False, tmp_path),
        (folder, "sm_120", DEFAULT_BATCH, None, True, Cache().root),
    ]


@needs_tensorrt
@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--target", "sm_90"], "unknown target 'sm_90': did you mean 'sm_89'? known are sm_"),
        (
            ["--target", "sm_89", "--batch", "many"],
            "range 'many' is not a range of sizes: give MIN:BEST:MAX",
        ),
        (["--target", "sm_89", "--batch", "8:4:2"], "range 8..4..2 is not in order"),
        (["--target", "sm_89", "--batch", "0:1:2"], "range 0..1..2 is not in order"),
        (
            ["--target", "sm_89", "--size", "x"],
            "range 'x' is not a range of sizes: give MIN:BEST:MAX",
        ),
        (["--target", "sm_89", "--size", "16:32"], "was exported for 16x16 pixels alone"),
        (["--engine", "onnxruntime"], "'onnxruntime' needs no building, it is made on first use"),
        (["--engine", "tensorr"], "unknown engine 'tensorr': did you mean 'tensorrt'?"),
        pytest.param([], "name one, such as --target sm_89", marks=no_gpu),
        pytest.param(
            ["--target", "sm_89", "--refittable"], "needs a GPU when it is built", marks=no_gpu
        ),
    ],
)
def test_bad_input_gets_one_sentence_and_status_2(command, folder, tmp_path, arguments, complaint):
    done = command("build", folder, "--cache", tmp_path / "cache", *arguments)
    assert done.returncode == 2
    assert complaint in done.shown
    assert "Traceback" not in done.stderr
    assert Cache(tmp_path / "cache").entries() == []


@needs_tensorrt
def test_an_unknown_target_gets_a_list_of_all(command, folder, tmp_path):
    done = command("build", folder, "--target", "sm_1", "--cache", tmp_path)
    assert {"sm_80", "sm_86", "sm_89", "sm_120"} <= set(targets())
    assert f"known are {', '.join(sorted(targets()))}" in done.shown


@pytest.mark.parametrize("folder", [TINY_FASHION, "no/such/folder"])
def test_a_folder_that_was_not_exported_gets_the_command_that_exports(command, folder):
    done = command("build", folder, "--target", "sm_89")
    assert done.returncode == 2
    assert "is not an exported model, it has no manifest.json" in done.shown
    assert "zeroreal export MODEL --out DIR" in done.shown


def test_a_missing_extra_is_named(command, folder, tmp_path, monkeypatch):
    for name in ("tensorrt", "tensorrt_rtx"):
        monkeypatch.setitem(sys.modules, name, None)
    done = command("build", folder, "--target", "sm_89", "--cache", tmp_path)
    assert done.returncode == 2
    assert "not installed: pip install 'zeroreal[tensorrt-rtx]'" in done.shown


def test_the_defaults_are_those_of_the_library():
    options = inspect.signature(build).parameters
    assert parse_range(options["batch"].default) == DEFAULT_BATCH
    assert options["size"].default is None
