"""Which engine serves what, and the engines of one model against each other."""

import os
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from zeroreal.assets import TINY_FASHION
from zeroreal.base import InputError
from zeroreal.export import EngineChoice, parse_engine, random_inputs
from zeroreal.export.engines.load import load_engines
from zeroreal.kernels import philox_normal_reference

CPU = torch.device("cpu")
CHOICE = EngineChoice("torch", None, CPU, "fp32", batch_size=4)


@pytest.fixture(scope="module")
def engines(cache):
    return {
        "torch": load_engines(TINY_FASHION, CHOICE, cache),
        "onnxruntime": load_engines(TINY_FASHION, replace(CHOICE, backend="onnxruntime"), cache),
    }


def with_noise(inputs):
    """For engines that take noise, where others draw it themselves."""
    if "seeds" not in inputs:
        return inputs
    noise = philox_normal_reference(inputs["seeds"], inputs["latents"].shape[1:], inputs["draw"])
    given = {name: inputs[name] for name in inputs if name not in ("seeds", "draw")}
    return {**given, "noise": noise}


@pytest.mark.parametrize("graph", ["text_encoder", "denoise", "vae_decoder"])
@pytest.mark.parametrize("batch", [1, 3, 4])
def test_engines_of_all_backends_agree(engines, graph, batch):
    one, other = (getattr(engines[name], graph) for name in ("torch", "onnxruntime"))
    assert one.spec.outputs == other.spec.outputs
    inputs = random_inputs(one.spec, {"batch": batch, "rows": batch + 1}, 5, vocabulary=600)
    before = {name: tensor.clone() for name, tensor in inputs.items()}
    expected, found = one(inputs), other(with_noise(inputs))
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor, rtol=1e-4, atol=1e-4)
    assert all(torch.equal(before[name], inputs[name]) for name in inputs)


def test_results_go_into_the_callers_tensors(engines):
    for name in ("torch", "onnxruntime"):
        engine = engines[name].vae_decoder
        inputs = random_inputs(engine.spec, {"batch": 2}, 5, vocabulary=1)
        expected = engine(inputs)["images"].clone()
        mine = torch.zeros(2, 3, 32, 32)
        strided = torch.zeros(2, 32, 32, 3).permute(0, 3, 1, 2)
        for buffer in (mine, strided):
            result = engine(inputs, {"images": buffer})
            assert result["images"] is buffer
            torch.testing.assert_close(buffer, expected)


def test_the_torch_engine_draws_its_noise_and_exported_graphs_are_given_it(engines):
    names = {
        backend: {wanted.name for wanted in model.denoise.spec.inputs}
        for backend, model in engines.items()
    }
    assert names["torch"] - names["onnxruntime"] == {"seeds", "draw"}
    assert names["onnxruntime"] - names["torch"] == {"noise"}


def test_an_engine_out_of_the_cache_needs_neither_diffusers_nor_transformers(engines, cache):
    entry = next(entry for entry in cache.entries() if entry.key.kind == "export")
    program = """
import sys, torch
from pathlib import Path
from zeroreal.engine import OnnxRuntimeEngine
from zeroreal.export import read_manifest
exported = read_manifest(Path(sys.argv[1]))
for graph in exported.graphs.values():
    OnnxRuntimeEngine(graph.file, torch.device("cpu"))
heavy = {"diffusers", "transformers", "torch._inductor"} & set(sys.modules)
assert not heavy, heavy
"""
    command = [sys.executable, "-c", program, str(entry.path / "model")]
    subprocess.run(command, check=True, env=os.environ)


def test_a_second_load_exports_nothing(engines, cache):
    def unexpected(progress):
        raise AssertionError(progress)

    choice = replace(CHOICE, backend="onnxruntime")
    again = load_engines(TINY_FASHION, choice, cache, unexpected)
    assert again.backend == "onnxruntime"


@pytest.mark.slow
def test_a_damaged_export_is_made_again_with_one_warning(engines, cache, caplog):
    entry = next(entry for entry in cache.entries() if entry.key.kind == "export")
    weights = entry.path / "model" / "denoise.onnx.data"
    content = bytearray(weights.read_bytes())
    content[1000] ^= 1
    weights.write_bytes(content)
    progress = []
    load_engines(TINY_FASHION, replace(CHOICE, backend="onnxruntime"), cache, progress.append)
    assert progress, "it is exported again"
    ours = [record for record in caplog.records if record.name.startswith("zeroreal")]
    assert [record.levelname for record in ours] == ["WARNING"]
    assert cache.verify()[0].problem is None


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("torhc", "did you mean 'torch'"),
        ("torch:fast", "unknown variant of engine torch 'fast'"),
        ("tensorrt:8", "unknown variant of engine tensorrt '8'"),
        ("", "unknown engine"),
    ],
)
def test_unknown_engines_are_named(name, complaint):
    with pytest.raises(InputError, match=complaint):
        parse_engine(name)


@pytest.mark.parametrize(
    ("choice", "complaint"),
    [
        (replace(CHOICE, backend="tensorrt"), "runs on CUDA devices, not on 'cpu'"),
        (replace(CHOICE, backend="onnxruntime", variant="cuda"), "cannot use 'cuda'"),
        (replace(CHOICE, attention="cudnn"), "cudnn.*serves CUDA devices, not cpu"),
        (replace(CHOICE, attention="magic"), "unknown attention backend 'magic'"),
        (replace(CHOICE, cuda_graphs=True), "CUDA graphs need a CUDA device"),
        (replace(CHOICE, backend="onnxruntime", precision="fp12"), "unknown precision 'fp12'"),
    ],
)
def test_what_cannot_serve_says_why(cache, choice, complaint):
    with pytest.raises(InputError, match=complaint) as caught:
        load_engines(TINY_FASHION, choice, cache)
    assert "\n" not in str(caught.value)


def test_exported_folders_are_for_engines_that_read_them(tiny_export, cache):
    folder = tiny_export("sd15", "fp16").folder
    with pytest.raises(InputError, match="holds ONNX graphs"):
        load_engines(folder, CHOICE, cache)
    with pytest.raises(InputError, match="was exported in float16"):
        load_engines(folder, replace(CHOICE, backend="onnxruntime"), cache)


def test_half_precision_graphs_run_in_onnx_runtime(tiny_export, engines, cache):
    choice = replace(CHOICE, backend="onnxruntime", precision="auto")
    half = load_engines(tiny_export("sd15", "fp16").folder, choice, cache)
    full = load_engines(tiny_export("sd15", "fp32").folder, choice, cache)
    inputs = random_inputs(full.vae_decoder.spec, {"batch": 3}, 5, vocabulary=1)
    found, expected = half.vae_decoder(inputs)["images"], full.vae_decoder(inputs)["images"]
    assert found.dtype == torch.float16
    assert (found.float() - expected).abs().max() < 2e-2 * expected.abs().max()
