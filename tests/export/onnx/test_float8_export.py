"""Exports with layers in 8-bit floats: which, with what weights and scales, and what comes out."""

import json

import ml_dtypes
import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, numpy_helper
from safetensors.torch import load_file

from zeroreal.engine import Cache
from zeroreal.export import read_manifest
from zeroreal.export.model.parts import PartsChoice
from zeroreal.export.onnx.rounding import write_with_rounding
from zeroreal.generate.own_trajectories import record_own_steps


@pytest.fixture(name="exported", scope="module")
def _exported(tiny_export):
    return tiny_export("sd15", "fp8")


def denoise(exported):
    return onnx.load(exported.graphs["denoise"].file.path)


def operands(graph):
    """The tensors that each layer of the UNet multiplies, by its name."""
    kinds = ("Conv", "MatMul", "Gemm")
    nodes = [node for node in graph.node if node.op_type in kinds]
    return {node.name.rpartition("/")[0]: node.input[:2] for node in nodes}


def test_the_layers_said_to_be_in_8_bits_take_dequantised_operands(exported):
    graph = denoise(exported).graph
    chosen = exported.graphs["denoise"].fp8
    made_by = {node.output[0]: node for node in graph.node}
    initial = {tensor.name: tensor for tensor in graph.initializer}
    narrow = chosen.scales()
    assert len(narrow) > 20
    seen = operands(graph)
    for name, (activations, weights) in seen.items():
        kinds = [
            made_by[one].op_type if one in made_by else "weights" for one in (activations, weights)
        ]
        assert (kinds == ["DequantizeLinear", "DequantizeLinear"]) == (name in narrow), name
    assert set(narrow) <= set(seen)
    for name, scales in narrow.items():
        given, weights = (made_by[one] for one in seen[name])
        quantise = made_by[given.input[0]]
        assert quantise.op_type == "QuantizeLinear"
        for node in (quantise, given):
            assert numpy_helper.to_array(initial[node.input[1]]) == scales.activations
        assert initial[weights.input[0]].data_type == TensorProto.FLOAT8E4M3FN
        assert numpy_helper.to_array(initial[weights.input[1]]) == scales.weights


def test_weights_are_the_model_s_own_rounded_to_8_bits(exported, tiny_model):
    own = load_file(tiny_model("sd15") / "unet" / "diffusion_pytorch_model.safetensors")
    graph = denoise(exported).graph
    made_by = {node.output[0]: node for node in graph.node}
    initial = {tensor.name: tensor for tensor in graph.initializer}
    checked = 0
    for name, scales in exported.graphs["denoise"].fp8.scales().items():
        layer = name.removeprefix("unet.")
        if f"{layer}.weight" not in own:
            continue  # the halves of a gate
        expected = own[f"{layer}.weight"].half().float().numpy() / scales.weights
        stored = numpy_helper.to_array(initial[made_by[operands(graph)[name][1]].input[0]])
        expected = expected.T if expected.ndim == 2 else expected
        assert np.array_equal(
            stored.astype(np.float32),
            expected.astype(ml_dtypes.float8_e4m3fn).astype(np.float32),
        )
        assert 224 <= np.abs(stored.astype(np.float32)).max() <= 448, "the whole range is used"
        checked += 1
    assert checked > 20


def test_the_unet_in_8_bits_is_as_far_from_diffusers_as_was_said(exported, tiny_model, tmp_path):
    """Its prediction in ONNX Runtime, at steps along the model's trajectories."""
    from diffusers import UNet2DConditionModel

    folder = tiny_model("sd15")
    unet = UNet2DConditionModel.from_pretrained(folder, subfolder="unet").eval()
    steps = record_own_steps(
        folder, PartsChoice(), exported.generate_size, torch.device("cpu"), "fp32", Cache()
    )
    source = exported.graphs["denoise"].file.path
    local = tmp_path / source.name
    for name in (source.name, f"{source.name}.data"):
        (tmp_path / name).write_bytes((source.parent / name).read_bytes())
    write_with_rounding(local, tmp_path / "rounding.onnx")
    session = onnxruntime.InferenceSession(
        tmp_path / "rounding.onnx", providers=["CPUExecutionProvider"]
    )
    off, whole = 0.0, 0.0
    for step in steps[3::9]:
        scale = step["coefficients"][0]
        plain = {
            **step,
            "coefficients": torch.tensor([float(scale), 0, 1, 0, 0, 0, 0]),
            "guidance": torch.ones(2),
            "text_embeddings": step["text_embeddings"][:2].half(),
            "rows": torch.arange(2),
            "unconditional": torch.arange(2),
        }
        predicted, _ = session.run(None, {name: one.numpy() for name, one in plain.items()})
        with torch.no_grad():
            context = step["text_embeddings"][:2]
            expected = unet(scale * step["latents"], step["timestep"][0], context).sample.numpy()
        off += np.square(predicted - expected).sum()
        whole += np.square(expected).sum()
    error, said = (off / whole) ** 0.5, exported.graphs["denoise"].fp8.error
    assert said <= 0.02
    assert said / 2 < error < 2 * said


def test_an_export_is_checked_on_its_own_steps_and_reads_back(exported):
    graph = exported.graphs["denoise"]
    assert read_manifest(exported.folder) == exported
    assert graph.precision == torch.float16
    assert graph.precision_name == "fp8"
    assert exported.graphs["text_encoder"].fp8 is None
    assert len({error.case for error in graph.errors}) == 2
    assert all("a step at timestep" in error.case for error in graph.errors)
    for error in graph.errors:
        guidance = float(error.case.rpartition(" ")[2])
        assert error.relative <= error.allowed == pytest.approx(2 * 0.02 * guidance)
    written = json.loads((exported.folder / "manifest.json").read_text())["graphs"]["denoise"]
    assert written["fp8"]["error"] <= written["fp8"]["allowed"] == 0.02
    assert written["fp8"]["layers"][0]["error"] > written["fp8"]["layers"][-1]["error"] > 0
    assert written["fp8"]["unsuited"]["unet.conv_out"].endswith("not multiples of 16")


def test_weights_in_8_bits_take_a_byte_and_the_same_people_can_read_them(exported, tiny_export):
    wide = tiny_export("sd15", "fp16").graphs["denoise"]
    narrow = exported.graphs["denoise"]
    initial = denoise(exported).graph.initializer
    bytes_of = [np.prod(one.dims) for one in initial if one.data_type == TensorProto.FLOAT8E4M3FN]
    assert wide.weight_bytes - narrow.weight_bytes == pytest.approx(sum(bytes_of), rel=0.02)
    data = narrow.file.path.with_name("denoise.onnx.data")
    assert data.stat().st_mode == narrow.file.path.stat().st_mode
    assert narrow.file.structure_digest != wide.file.structure_digest


@pytest.mark.slow
@pytest.mark.parametrize("family", ["sd21", "sd-turbo", "lcm", "sdxl"])
def test_every_family_exports_in_8_bits(tiny_export, family):
    graph = tiny_export(family, "fp8").graphs["denoise"]
    assert len(graph.fp8.scales()) > 10
    assert graph.fp8.error <= 0.02
