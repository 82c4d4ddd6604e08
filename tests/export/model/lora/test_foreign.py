"""LoRA files for another architecture."""

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


FOREIGN = "made for another architecture, use one made for this model's family"


def pair(name, down=(2, 8), up=(8, 2), endings=SPELLINGS["peft"]):
    return {name + endings[0]: torch.zeros(down), name + endings[1]: torch.zeros(up)}


@pytest.mark.parametrize(
    ("tensors", "named"),
    [
        (pair("unet.down_blocks.7.conv"), "unet.down_blocks.7.conv"),
        (pair("transformer.blocks.0.attn.to_q"), "transformer.blocks.0.attn.to_q"),
        (pair("lora_unet_double_blocks_0_img_mlp_0", endings=SPELLINGS["kohya"]), "double"),
        (pair("lora_unet_input_blocks_x_1_proj_in", endings=SPELLINGS["kohya"]), "input_blocks_x"),
        (pair("lora_unet_input_blocks_4_1_proj_in", endings=SPELLINGS["kohya"]), "proj_in"),
        (
            pair(f"unet.{Q}"),
            f"{Q}' by matrices of (8, 2) and (2, 8), where the model has (128, 128)",
        ),
        (pair(f"unet.{Q}", (2, 128), (128, 3)), f"{Q}' by matrices of (128, 3)"),
        (pair("unet.conv_in", (2, 4), (64, 2)), "unet.conv_in"),
        (pair("unet.conv_norm_out", (2, 64), (64, 2)), "unet.conv_norm_out"),
    ],
)
def test_a_unet_layer_of_another_architecture_is_named(
    tmp_path, unet, tensors, named, complaint, write
):
    path = write(tmp_path / "a.safetensors", tensors)
    message = complaint(merge_into_unet, unet, [Lora(path, 1)])
    assert repr(str(path)) in message
    assert named in message
    assert FOREIGN in message


@pytest.mark.parametrize(
    ("tensors", "named"),
    [
        (pair("text_encoder_2.encoder.layers.0.mlp.fc1"), "text_encoder_2.encoder.layers.0.mlp"),
        (
            pair("lora_te2_text_model_encoder_layers_0_mlp_fc1", endings=SPELLINGS["kohya"]),
            "lora_te2_text_model_encoder_layers_0_mlp_fc1",
        ),
        (
            pair("lora_te_text_model_encoder_layers_11_mlp_fc1", endings=SPELLINGS["kohya"]),
            "lora_te_text_model_encoder_layers_11_mlp_fc1",
        ),
        (pair("text_encoder.text_model.encoder.layers.0.mlp.fc1"), "has (512, 128)"),
        (pair("lora_te3_encoder_layers_0", endings=SPELLINGS["kohya"]), "lora_te3"),
    ],
)
def test_a_text_encoder_layer_of_another_architecture_is_named(
    tmp_path, encoder, tensors, named, complaint, write
):
    path = write(tmp_path / "a.safetensors", tensors)
    message = complaint(merge_into_text_encoders, [encoder], [Lora(path, 1)])
    assert repr(str(path)) in message
    assert named in message
    assert FOREIGN in message
