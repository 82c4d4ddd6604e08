"""Exported graphs of all families: checked, described, and what PyTorch computes."""

import json
import shutil

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from diffusers import DiffusionPipeline
from safetensors.torch import load_file, save_file

from zeroreal.base import InputError
from zeroreal.export import ExportSettings, export_model, read_manifest
from zeroreal.export.model.parts import PartsChoice

FAMILIES = ("sd15", "sd21", "sd-turbo", "lcm", "sdxl")


@pytest.mark.parametrize(
    "family", [pytest.param(name, marks=[pytest.mark.slow] * (name != "sd15")) for name in FAMILIES]
)
def test_every_family_exports_in_half_precision_and_is_checked(tiny_export, family):
    exported = tiny_export(family, "fp16")
    for name, graph in exported.graphs.items():
        assert graph.precision == torch.float16, graph.notes
        assert {error.output for error in graph.errors} == {
            output.name for output in graph.file.spec.outputs
        }
        assert len({error.case for error in graph.errors}) == 2
        assert 0 < max(error.relative for error in graph.errors) < 2e-2
        model = onnx.load(graph.file.path, load_external_data=False)
        kinds = {node.op_type for node in model.graph.node}
        assert [entry.version for entry in model.opset_import if not entry.domain] == [23]
        assert {"Attention", "GroupNormalization"} & kinds, name
        weights = [tensor for tensor in model.graph.initializer if len(tensor.dims) > 1]
        half = sum(tensor.data_type == onnx.TensorProto.FLOAT16 for tensor in weights)
        assert half > 0.8 * len(weights), "the precision lies in the graph itself"


@pytest.mark.slow
def test_a_bfloat16_export_is_checked_with_its_rounding(tiny_model, tmp_path):
    exported = export_model(tiny_model("sd15"), tmp_path / "out", ExportSettings(precision="bf16"))
    errors = [error for graph in exported.graphs.values() for error in graph.errors]
    assert {error.allowed for error in errors if "guidance 30" not in error.case} == {0.02, 0.03}
    worst = max(error.relative / error.allowed for error in errors)
    assert 5e-3 < worst <= 1, "bfloat16 keeps 8 bits: an error below would mean no rounding"
    model = onnx.load(exported.graphs["denoise"].file.path, load_external_data=False)
    assert onnx.TensorProto.BFLOAT16 in {tensor.data_type for tensor in model.graph.initializer}


def test_the_denoise_graph_equals_pytorch_run_step_by_step(tiny_model, tiny_export):
    """Guidance and update against formulas, the UNet against `diffusers`."""
    from diffusers import UNet2DConditionModel

    graph = tiny_export("sd15", "fp32").graphs["denoise"].file
    unet = UNet2DConditionModel.from_pretrained(tiny_model("sd15"), subfolder="unet").eval()
    random = torch.Generator().manual_seed(3)
    x, history, noise = torch.randn(3, 2, 4, 8, 8, generator=random).unbind(0)
    context = torch.randn(3, 77, 32, generator=random)  # two prompts, then a negative one
    c = torch.tensor([0.5, 0.9, -0.2, 0.3, 0.4, 1.5, -0.7])
    with torch.no_grad():
        first = unet(0.5 * x, 321, context[:2]).sample
        away = unet(0.5 * x[1:], 321, context[2:]).sample
    output = torch.stack([first[0], away[0] + 6.0 * (first[1] - away[0])])
    feed = {
        "latents": x,
        "history": history,
        "noise": noise,
        "timestep": torch.tensor([321.0]),
        "coefficients": c,
        "guidance": torch.tensor([9.0, 6.0]),  # the first has no unconditional row
        "text_embeddings": context,
        "rows": torch.tensor([0, 1, 1]),
        "unconditional": torch.tensor([0, 2]),
    }
    session = onnxruntime.InferenceSession(graph.path, providers=["CPUExecutionProvider"])
    following, carry = session.run(
        ["next_latents", "carry"], {name: tensor.numpy() for name, tensor in feed.items()}
    )
    expected = 0.9 * x - 0.2 * output + 0.3 * history + 0.4 * noise
    np.testing.assert_allclose(following, expected, atol=2e-4)
    np.testing.assert_allclose(carry, 1.5 * x - 0.7 * output, atol=2e-4)


@pytest.mark.slow
def test_a_graph_of_any_size_serves_several(any_size_export):
    assert any_size_export.generate_size is None
    decoder = any_size_export.graphs["vae_decoder"].file
    session = onnxruntime.InferenceSession(decoder.path, providers=["CPUExecutionProvider"])
    for side in (8, 12):
        latents = np.zeros((1, 4, side, 8), np.float32)
        assert session.run(None, {"latents": latents})[0].shape == (1, 3, 2 * side, 16)


def test_a_folder_says_what_it_holds_and_reads_back(tiny_export):
    exported = tiny_export("sdxl", "fp32")
    assert read_manifest(exported.folder) == exported
    written = json.loads((exported.folder / "manifest.json").read_text())
    assert written["graphs"]["denoise"]["relative_errors"][0]["relative"] < 1e-4
    assert written["versions"]["torch"] == torch.__version__
    assert written["model"]["pooled_channels"] == 32
    assert len(written["source"]["digest"]) == 64
    # Others may be exporting into the same folder.
    assert list(exported.folder.parent.glob(f".{exported.folder.name}-*")) == []


@pytest.mark.slow
def test_models_of_one_architecture_share_the_structure_but_not_the_weights(
    tiny_model, tiny_export, tmp_path
):
    other = shutil.copytree(tiny_model("sd15"), tmp_path / "model")
    change_weights(other / "vae", lambda name, value: value * 1.5 if "conv1" in name else value)
    first = tiny_export("sd15", "fp32").graphs["vae_decoder"].file
    second = export_model(other, tmp_path / "out").graphs["vae_decoder"].file
    assert second.structure_digest == first.structure_digest
    assert second.weights_digest != first.weights_digest


def test_a_lora_file_is_merged_into_weights_that_a_plan_can_be_refitted_with(
    tiny_model, tiny_export, tmp_path
):
    layer = "down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q"
    random = torch.Generator().manual_seed(0)
    down, up = torch.randn(2, 64, generator=random), torch.randn(64, 2, generator=random)
    file = tmp_path / "style.safetensors"
    save_file({f"unet.{layer}.lora_A.weight": down, f"unet.{layer}.lora_B.weight": up}, file)
    settings = ExportSettings(parts=PartsChoice(loras=(f"{file}:0.5",)))
    merged = export_model(tiny_model("sd15"), tmp_path / "out", settings)
    plain = tiny_export("sd15", "fp32").graphs["denoise"].file
    file_with = merged.graphs["denoise"].file
    assert file_with.structure_digest == plain.structure_digest
    difference = weight(file_with.path, layer) - weight(plain.path, layer)
    np.testing.assert_allclose(difference, 0.5 * (up @ down).numpy(), atol=1e-5)
    assert merged.source["lora"] == [{"file": "style.safetensors", "scale": 0.5}]


def weight(path, layer):
    """The matrix of a linear layer in an exported graph, as PyTorch has it."""
    model = onnx.load(path)
    node = next(node for node in model.graph.node if node.name.startswith(f"unet.{layer}/MatMul"))
    tensor = next(tensor for tensor in model.graph.initializer if tensor.name == node.input[1])
    return onnx.numpy_helper.to_array(tensor).T


@pytest.mark.slow
def test_a_pipeline_exports_as_its_folder_does_whatever_attention_is_switched_on(
    tiny_model, tiny_export, tmp_path
):
    from diffusers.models.attention_processor import XFormersAttnProcessor

    pipeline = DiffusionPipeline.from_pretrained(tiny_model("sd15"))
    pipeline.unet.set_attn_processor(XFormersAttnProcessor())
    exported = export_model(pipeline, tmp_path / "out")
    assert (
        exported.graphs["denoise"].file.structure_digest
        == tiny_export("sd15", "fp32").graphs["denoise"].file.structure_digest
    )
    processors = {type(processor) for processor in pipeline.unet.attn_processors.values()}
    assert processors == {XFormersAttnProcessor}, "the user's pipeline stays as it was"


def change_weights(folder, change):
    path = folder / "diffusion_pytorch_model.safetensors"
    weights = load_file(path)
    save_file({name: change(name, value) for name, value in weights.items()}, path)


@pytest.mark.slow
def test_a_vae_that_overflows_in_fp16_is_exported_in_bf16(tiny_model, tmp_path):
    """As SDXL's does: the numbers before a normalisation exceed 65504."""
    folder = shutil.copytree(tiny_model("sd15"), tmp_path / "model")
    change_weights(
        folder / "vae",
        lambda name, value: value * 1e6 if name == "decoder.conv_in.weight" else value,
    )
    exported = export_model(folder, tmp_path / "out", ExportSettings(precision="fp16"))
    decoder = exported.graphs["vae_decoder"]
    assert decoder.precision == torch.bfloat16
    assert "NaN or infinite" in decoder.notes[0]
    assert exported.graphs["denoise"].precision == torch.float16
    with pytest.raises(InputError, match="'images' of vae_decoder has NaN or infinite values"):
        export_model(
            folder, tmp_path / "other", ExportSettings(precision="fp16", vae_precision="fp16")
        )
    assert not (tmp_path / "other").exists()
