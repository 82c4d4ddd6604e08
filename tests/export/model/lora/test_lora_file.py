"""LoRA files that are damaged, or hold more than plain LoRA layers."""

import pytest
import torch

from zeroreal.export.model.lora import Lora
from zeroreal.export.model.lora_merge import merge_into_text_encoders, merge_into_unet

Q = "up_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"


SPELLINGS = {
    "peft": (".lora_A.weight", ".lora_B.weight"),
    "diffusers": (".lora.down.weight", ".lora.up.weight"),
    "diffusers text": (".lora_linear_layer.down.weight", ".lora_linear_layer.up.weight"),
    "kohya": (".lora_down.weight", ".lora_up.weight"),
}


def pair(name, down=(2, 8), up=(8, 2), endings=SPELLINGS["peft"]):
    return {name + endings[0]: torch.zeros(down), name + endings[1]: torch.zeros(up)}


@pytest.mark.parametrize(
    "name",
    [
        f"unet.{Q}.lora_magnitude_vector",
        f"unet.{Q}.lora_B.bias",
        "lora_unet_conv_in.dora_scale",
        "lora_unet_conv_in.hada_w1_a",
        "lora_unet_conv_in.lokr_w1",
        "lora_unet_conv_in.lora_mid.weight",
    ],
)
def test_what_is_more_than_a_plain_lora_layer_is_refused(
    tmp_path, unet, name, complaint, small_tensors, write
):
    path = write(tmp_path / "a.safetensors", small_tensors(unet) | {name: torch.zeros(1)})
    message = complaint(merge_into_unet, unet, [Lora(path, 1)])
    assert f"holds {name!r}, which is not part of a plain LoRA layer" in message


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        ("unet.conv_in.lora_A.weight", "unet.conv_in.lora_B.weight"),
        ("lora_unet_conv_in.lora_up.weight", "lora_unet_conv_in.lora_down.weight"),
        ("lora_unet_conv_in.alpha", "lora_unet_conv_in.lora_up.weight"),
    ],
)
def test_half_a_layer_is_refused(tmp_path, unet, name, missing, complaint, write):
    path = write(tmp_path / "a.safetensors", {name: torch.zeros(1, 1)})
    message = complaint(merge_into_unet, unet, [Lora(path, 1)])
    assert f"holds {name!r} without {missing!r}" in message


@pytest.mark.parametrize(
    "second",
    [
        pair(
            "lora_te1_text_model_encoder_layers_0_mlp_fc1", (2, 128), (512, 2), SPELLINGS["kohya"]
        ),
        pair("text_encoder.encoder.layers.0.mlp.fc1", (2, 128), (512, 2)),
    ],
)
def test_a_layer_in_two_spellings_is_refused(tmp_path, encoder, second, complaint, write):
    first = pair("text_encoder.text_model.encoder.layers.0.mlp.fc1", (2, 128), (512, 2))
    path = write(tmp_path / "a.safetensors", first | second)
    message = complaint(merge_into_text_encoders, [encoder], [Lora(path, 1)])
    assert "holds a layer twice" in message


def test_a_file_of_nan_is_refused(tmp_path, unet, complaint, small_tensors, write):
    tensors = small_tensors(unet)
    tensors[f"unet.{Q}.lora_B.weight"][3, 1] = float("nan")
    path = write(tmp_path / "a.safetensors", tensors)
    message = complaint(merge_into_unet, unet, [Lora(path, 1)])
    assert f"NaN or infinity in 'unet.{Q}.lora_B.weight'" in message


def test_an_empty_file_is_refused(tmp_path, unet, complaint, write):
    path = write(tmp_path / "a.safetensors", {})
    assert "holds no layers" in complaint(merge_into_unet, unet, [Lora(path, 1)])


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 a pickle by another name"])
def test_a_file_that_is_no_safetensors_file_is_refused(tmp_path, unet, content, complaint):
    path = tmp_path / "a.safetensors"
    path.write_bytes(content)
    assert "cannot be read as safetensors" in complaint(merge_into_unet, unet, [Lora(path, 1)])


def test_a_truncated_file_is_refused(tmp_path, unet, complaint, small_tensors, write):
    path = write(tmp_path / "a.safetensors", small_tensors(unet))
    path.write_bytes(path.read_bytes()[:-8])
    assert "cannot be read as safetensors" in complaint(merge_into_unet, unet, [Lora(path, 1)])
