"""Which engine serves what, and the engines of one model against each other."""

import os
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from diffusers import AutoencoderKL

from zeroreal.assets import TINY_FASHION
from zeroreal.base import InputError
from zeroreal.engine import BuiltPlan, Cache, DimensionRange, GraphFile, GraphSpec
from zeroreal.export import EngineChoice, parse_engine, random_inputs
from zeroreal.export.engines.exported import _fitting
from zeroreal.export.engines.load import load_engines
from zeroreal.export.engines.profiles import batch_profiles, chosen_batches
from zeroreal.kernels import philox_normal_reference

CPU = torch.device("cpu")
CHOICE = EngineChoice("torch", None, CPU, "fp32", batch_size=4)
GRAPH = GraphFile(TINY_FASHION, GraphSpec("denoise", (), ()), "structure", "weights")


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return Cache(tmp_path_factory.mktemp("engines"))


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


def test_images_of_another_size_are_those_that_diffusers_makes(cache):
    engines = load_engines(TINY_FASHION, replace(CHOICE, generate_size=48), cache)
    assert engines.generate_size == (48, 48)
    latents = torch.randn(2, 4, 12, 12, generator=torch.Generator().manual_seed(0))
    vae = AutoencoderKL.from_pretrained(TINY_FASHION, subfolder="vae")
    with torch.inference_mode():
        expected = vae.decode(latents / vae.config.scaling_factor).sample
    found = engines.vae_decoder({"latents": latents})["images"]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    shapes = {wanted.name: wanted.shape for wanted in engines.denoise.spec.inputs}
    assert shapes["latents"] == ("batch", 4, 12, 12)


def test_an_export_for_any_size_serves_the_size_asked_for(any_size_export, cache):
    choice = replace(CHOICE, backend="onnxruntime", precision="auto", generate_size=24)
    engines = load_engines(any_size_export.folder, choice, cache)
    assert engines.generate_size == (24, 24)
    inputs = random_inputs(engines.vae_decoder.spec, {"batch": 1, "height": 12, "width": 12}, 5, 1)
    assert engines.vae_decoder(inputs)["images"].shape == (1, 3, 24, 24)


@pytest.mark.parametrize(("size", "remedy"), [(36, "so give 32 or 40"), (4, "so give 8"), (0, "8")])
def test_a_size_that_the_model_cannot_divide_is_refused_with_the_nearest(cache, size, remedy):
    with pytest.raises(InputError) as caught:
        load_engines(TINY_FASHION, replace(CHOICE, generate_size=size), cache)
    assert f"images of {size} pixels" in str(caught.value)
    assert "the VAE divides sides by 4 and the UNet by 2" in str(caught.value)
    assert str(caught.value).endswith(remedy)


def test_an_export_for_one_size_serves_no_other(tiny_export, cache):
    choice = replace(CHOICE, backend="onnxruntime", generate_size=24)
    with pytest.raises(InputError, match=r"images of 24 pixels .* was exported for 16x16"):
        load_engines(tiny_export("sd15", "fp32").folder, choice, cache)


@pytest.mark.parametrize(("given", "decoded"), [(None, 4), (2, 2), (16, 16)])
def test_the_decoder_is_built_for_a_batch_size_of_its_own(given, decoded):
    profiles = batch_profiles(*chosen_batches(replace(CHOICE, vae_batch_size=given)))
    assert profiles["vae_decoder"]["batch"] == DimensionRange(1, decoded, decoded)
    assert profiles["denoise"]["batch"] == DimensionRange(1, 4, 4)


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


def profile(smallest, best, largest):
    return {"batch": DimensionRange(smallest, best, largest)}


def test_the_smallest_plan_that_serves_is_taken():
    plans = [BuiltPlan(profile(1, 8, 64), False), BuiltPlan(profile(1, 8, 16), False)]
    assert _fitting(GRAPH, profile(1, 12, 12), plans) == plans[1]
    assert _fitting(GRAPH, profile(1, 32, 32), plans) == plans[0]
    assert _fitting(GRAPH, profile(1, 32, 32), []).profile == profile(1, 32, 32)


def test_a_batch_outside_every_plan_is_refused_with_the_ranges():
    plans = [BuiltPlan(profile(1, 8, 16), False), BuiltPlan(profile(8, 8, 64), False)]
    with pytest.raises(InputError) as caught:
        _fitting(GRAPH, profile(1, 32, 32), plans)
    message = str(caught.value)
    assert "batch 1 to 32" in message
    assert "batch 1 to 16; batch 8 to 64" in message
    assert "zeroreal build DIR --engine tensorrt --batch" in message
