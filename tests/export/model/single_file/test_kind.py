"""Files that people give as a model and that are none: each gets a true sentence."""

import pytest
import torch
from safetensors.torch import save_file

from zeroreal.assets import TINY_FASHION
from zeroreal.base import InputError
from zeroreal.export import find_model

ONE = torch.zeros(2, 2)
UNET = "model.diffusion_model."
REFINER = "transformer.resblocks.9.mlp.c_proj.bias"


# Names of tensors, and what their file is said to be.
MISTAKEN = {
    "lora_unet_mid_block_proj_in.lora_down.weight": "a LoRA file: give it by --lora",
    "unet.mid_block.attentions.0.to_q.lora_A.weight": "a LoRA file",
    "lora_te_text_model_encoder.hada_w1_a": "a LoRA file",
    "<my-cat>": "an embedding of a textual inversion: give it by --textual-inversion",
    "emb_params": "an embedding of a textual inversion",
    "clip_g clip_l": "an embedding of a textual inversion",
    "control_model.time_embed.0.weight": "a ControlNet",
    "controlnet_cond_embedding.conv_in.weight conv_in.weight": "a ControlNet",
    "down_blocks.0.motion_modules.0.proj_in.weight a.b": "the motion of a video model",
    "time_embed.0.weight input_blocks.0.0.weight": "a UNet alone: give a checkpoint",
    "encoder.conv_in.weight decoder.conv_in.weight": "a VAE alone",
    "text_model.embeddings.token_embedding.weight a.b": "a text encoder alone",
    f"{UNET}double_blocks.0.img_attn.norm.key_norm.scale a.b": "another kind (flux-schnell,",
    "double_blocks.0.img_attn.norm.key_norm.scale a.b": "another kind (flux-schnell,",
    f"conditioner.embedders.0.model.{REFINER} {UNET}out.2.bias": "another kind (xl_refiner,",
    "backbone.0.weight backbone.1.weight": "no checkpoint of Stable Diffusion 1.x, 2.x or XL (it "
    "holds 'backbone.0.weight')",
    "": "no checkpoint of Stable Diffusion 1.x, 2.x or XL (it holds no tensor)",
}


@pytest.mark.parametrize(("names", "told"), MISTAKEN.items())
def test_what_is_no_model_is_told_for_what_it_is(names, told, tmp_path):
    file = tmp_path / "dreamshaper_8.safetensors"
    save_file({name: ONE.clone() for name in names.split()}, file)
    with pytest.raises(InputError) as caught:
        find_model(file)
    message = str(caught.value)
    assert message.startswith(f"model file {str(file)!r} ")
    assert told in message
    assert "\n" not in message


def test_the_unet_of_a_folder_is_told_for_what_it_is():
    with pytest.raises(InputError, match="is a UNet alone"):
        find_model(TINY_FASHION / "unet" / "diffusion_pytorch_model.safetensors")


@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04 a pickle by another name", b"\x08" + b"\0" * 15]
)
def test_what_is_no_safetensors_file_is_refused(content, tmp_path):
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(InputError, match="is not a whole safetensors file"):
        find_model(tmp_path / "model.safetensors")
