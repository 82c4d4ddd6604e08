"""Folders of `diffusers` turned back into single files: the way that its own scripts go."""

from collections.abc import Iterator

import torch
from safetensors.torch import load_file

RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
VAE_NAMES = {
    "conv_norm_out": "norm_out",
    "mid_block.resnets.0": "mid.block_1",
    "mid_block.resnets.1": "mid.block_2",
    "mid_block.attentions.0": "mid.attn_1",
    "conv_shortcut": "nin_shortcut",
    "group_norm": "norm",
    "to_q": "q",
    "to_k": "k",
    "to_v": "v",
    "to_out.0": "proj_out",
}
UNET_NAMES = {
    "time_embedding.linear_1.": "time_embed.0.",
    "time_embedding.linear_2.": "time_embed.2.",
    "add_embedding.linear_1.": "label_emb.0.0.",
    "add_embedding.linear_2.": "label_emb.0.2.",
    "conv_in.": "input_blocks.0.0.",
    "conv_norm_out.": "out.0.",
    "conv_out.": "out.2.",
    "mid_block.resnets.0.": "middle_block.0.",
    "mid_block.attentions.0.": "middle_block.1.",
    "mid_block.resnets.1.": "middle_block.2.",
}
OPEN_CLIP = {
    "encoder.layers.": "transformer.resblocks.",
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
    "self_attn.out_proj": "attn.out_proj",
    "embeddings.position_embedding.weight": "positional_embedding",
    "embeddings.token_embedding": "token_embedding",
    "final_layer_norm": "ln_final",
}


PREFIXES = {
    "sd15": {"text_encoder": "cond_stage_model.transformer."},
    "sd21": {"text_encoder": "cond_stage_model.model."},
    "sdxl": {
        "text_encoder": "conditioner.embedders.0.transformer.",
        "text_encoder_2": "conditioner.embedders.1.model.",
    },
}
"""Of text encoders, by family; those that end in `model.` are as OpenCLIP has them."""


def single_file(folder, family, levels=2, layers=1):
    """The tensors of the model in `folder` as a checkpoint of its family has them."""
    tensors = {}
    for part, prefix in PREFIXES[family].items():
        own = load_file(folder / part / "model.safetensors")
        is_open = prefix.endswith("model.")
        own = open_clip(own) if is_open else {f"text_model.{bare(name)}": own[name] for name in own}
        tensors |= {prefix + name: value for name, value in own.items()}
    weights = "diffusion_pytorch_model.safetensors"
    unet = load_file(folder / "unet" / weights)
    names = {**UNET_NAMES, **dict(unet_blocks(levels, layers))}
    for name, value in unet.items():
        tensors["model.diffusion_model." + renamed_start(name, names)] = value
    for name, value in load_file(folder / "vae" / weights).items():
        turned = vae_name(name, levels)
        is_attention = ".attn_1." in turned and value.dim() == 2
        tensors[f"first_stage_model.{turned}"] = value[:, :, None, None] if is_attention else value
    return tensors


def unet_blocks(levels, layers) -> Iterator[tuple[str, str]]:
    number = 1
    for level in range(levels):
        for layer in range(layers):
            yield f"down_blocks.{level}.resnets.{layer}.", f"input_blocks.{number}.0."
            yield f"down_blocks.{level}.attentions.{layer}.", f"input_blocks.{number}.1."
            number += 1
        yield f"down_blocks.{level}.downsamplers.0.conv.", f"input_blocks.{number}.0.op."
        number += 1
    for level in range(levels):
        for layer in range(layers + 1):
            number = level * (layers + 1) + layer
            yield f"up_blocks.{level}.resnets.{layer}.", f"output_blocks.{number}.0."
            yield f"up_blocks.{level}.attentions.{layer}.", f"output_blocks.{number}.1."
        # After an attention, if the level has any: the first levels on the way up have.
        place = 2 if level < levels - 1 else 1
        yield f"up_blocks.{level}.upsamplers.0.conv.", f"output_blocks.{number}.{place}.conv."


def renamed_start(name, names):
    start = next(start for start in names if name.startswith(start))
    rest = name.removeprefix(start)
    if ".resnets." in start:
        layer, _, kind = rest.rpartition(".")
        rest = f"{RESNET[layer]}.{kind}"
    return names[start] + rest


def vae_name(name, levels):
    for level in range(levels):
        there = levels - 1 - level
        name = name.replace(f"down_blocks.{level}.resnets.", f"down.{level}.block.")
        name = name.replace(f"down_blocks.{level}.downsamplers.0", f"down.{level}.downsample")
        name = name.replace(f"up_blocks.{level}.resnets.", f"up.{there}.block.")
        name = name.replace(f"up_blocks.{level}.upsamplers.0", f"up.{there}.upsample")
    for ours, theirs in VAE_NAMES.items():
        name = name.replace(ours, theirs)
    return name


def bare(name):
    return name.removeprefix("text_model.")


def open_clip(tensors):
    found = {}
    for name, value in tensors.items():
        short = bare(name)
        if short == "text_projection.weight":
            found["text_projection"] = value.T.contiguous()
            continue
        if "self_attn.q_proj" in short:
            kind = short.rpartition(".")[2]
            parts = [tensors[name.replace("q_proj", f"{one}_proj")] for one in "qkv"]
            short = short.replace(f"self_attn.q_proj.{kind}", f"attn.in_proj_{kind}")
            value = torch.cat(parts)
        elif "self_attn.k_proj" in short or "self_attn.v_proj" in short:
            continue
        for ours, theirs in OPEN_CLIP.items():
            short = short.replace(ours, theirs)
        found[short] = value
    return found
