"""LoRA files for SDXL, which has two text encoders and two ways to name its UNet's layers."""

import copy

import pytest
import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import load_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from zeroreal.export.model.lora import Lora
from zeroreal.export.model.lora_merge import merge_into_text_encoders, merge_into_unet


def kohya(prefix):
    return lambda name: prefix + name.replace(".", "_")


@pytest.fixture(scope="module")
def sdxl_encoders():
    torch.manual_seed(0)
    config = CLIPTextConfig(
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        vocab_size=49408,
        projection_dim=24,
    )
    return CLIPTextModel(config), CLIPTextModelWithProjection(config)


@pytest.fixture(scope="module")
def sdxl_unet():
    torch.manual_seed(0)
    return UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(8, 16, 16),
        layers_per_block=2,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        transformer_layers_per_block=(1, 2, 3),
        attention_head_dim=8,
        cross_attention_dim=16,
        norm_num_groups=4,
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=64,
    )


@pytest.mark.parametrize(
    ("spelling", "prefixes"),
    [
        ("peft", ("text_encoder.", "text_encoder_2.")),
        ("peft", ("text_encoder.text_model.", "text_encoder_2.text_model.")),
        ("kohya", ("lora_te1_text_model_", "lora_te2_text_model_")),
    ],
)
def test_each_of_sdxls_text_encoders_gets_its_own_layers(
    tmp_path, sdxl_encoders, spelling, prefixes, check_added, write, write_random
):
    encoders = copy.deepcopy(sdxl_encoders)
    tensors, added = {}, []
    for seed, (module, prefix) in enumerate(zip(encoders, prefixes, strict=True)):
        path = tmp_path / f"{seed}.safetensors"

        def name_of(name, prefix=prefix):
            if name == "text_projection":  # it has never been within `text_model`
                prefix = prefix.replace("text_model.", "").replace("text_model_", "")
            return kohya(prefix)(name) if spelling == "kohya" else prefix + name

        _, change = write_random(path, module, name_of, spelling, seed=seed)
        tensors |= load_file(path)
        added.append(change)
    path = write(tmp_path / "both.safetensors", tensors)
    merge_into_text_encoders(encoders, [Lora(path, 1)])
    for encoder, before, change in zip(encoders, sdxl_encoders, added, strict=True):
        check_added(encoder, before, change)
    assert "text_projection" in added[1]


def sgm_name(path):
    """What SDXL's authors call a layer of diffusers' UNet, with underscores for dots.

    From the table in kohya's `sdxl_model_util.py`: input blocks 3i+1, 3i+2 and their downsampler
    3i+3, middle blocks 0 to 2, output blocks 3i to 3i+2, whose last holds the upsampler.
    """
    words = path.split(".")
    in_resnet = {
        "conv1": "in_layers.2",
        "conv2": "out_layers.3",
        "time_emb_proj": "emb_layers.1",
        "conv_shortcut": "skip_connection",
    }
    outside = {
        "conv_in": "input_blocks.0.0",
        "conv_out": "out.2",
        "time_embedding.linear_1": "time_embed.0",
        "time_embedding.linear_2": "time_embed.2",
        "add_embedding.linear_1": "label_emb.0.0",
        "add_embedding.linear_2": "label_emb.0.2",
    }
    if path in outside:
        name = outside[path]
    elif words[0] == "mid_block":
        _, kind, index, *rest = words
        block = 1 if kind == "attentions" else 2 * int(index)
        name = ".".join(["middle_block", str(block), *(in_resnet.get(w, w) for w in rest)])
    else:
        side, level, kind, index, *rest = words
        down = side == "down_blocks"
        block = 3 * int(level) + int(index) + (1 if down else 0)
        place = {"resnets": 0, "attentions": 1}.get(kind)
        if kind == "downsamplers":
            name = f"input_blocks.{3 * int(level) + 3}.0.op"
        elif kind == "upsamplers":
            name = f"output_blocks.{3 * int(level) + 2}.2.conv"
        else:
            rest = [in_resnet.get(word, word) for word in rest]
            block_name = "input_blocks" if down else "output_blocks"
            name = ".".join([block_name, str(block), str(place), *rest])
    return "lora_unet_" + name.replace(".", "_")


@pytest.mark.parametrize("name_of", [sgm_name, kohya("lora_unet_")])
def test_both_of_kohyas_ways_to_name_sdxls_layers_are_understood(
    tmp_path, sdxl_unet, name_of, check_added, write_random
):
    unet = copy.deepcopy(sdxl_unet)
    path, added = write_random(
        tmp_path / "a.safetensors", unet, name_of, "kohya", lambda index: 1 + index % 2
    )
    merge_into_unet(unet, [Lora(path, 1)])
    check_added(unet, sdxl_unet, added)
