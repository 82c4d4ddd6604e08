"""Distilled LoRA of random weights, and the same as whole UNets, made by diffusers and peft."""

import hashlib
import json

import torch
from diffusers import StableDiffusionPipeline, UNet2DConditionModel
from peft import LoraConfig, get_peft_model_state_dict
from safetensors.torch import load_file, save_file

from zeroreal.export import source_digest

LORA, EMBEDDING = "pytorch_lora_weights.safetensors", "guidance_embedding.safetensors"
WEIGHTS = "diffusion_pytorch_model.safetensors"
PROJECTION = "time_embedding.cond_proj.weight"
LAYERS = ["to_q", "to_k", "to_v", "to_out.0", "ff.net.0.proj", "ff.net.2", "conv1", "proj_in"]
CHANNELS = 16


def random_lora(model, folder, rank=3, seed=0):
    """A LoRA of the model in a folder, by `peft`, with an embedding of guidance and a record."""
    torch.manual_seed(seed)
    unet = UNet2DConditionModel.from_pretrained(model / "unet")
    unet.add_adapter(LoraConfig(r=rank, lora_alpha=rank, target_modules=LAYERS))
    layers = {
        name: 0.1 * torch.randn_like(w) for name, w in get_peft_model_state_dict(unet).items()
    }
    StableDiffusionPipeline.save_lora_weights(folder, unet_lora_layers=layers)
    width = unet.config.block_out_channels[0]
    save_file({PROJECTION: 0.1 * torch.randn(width, CHANNELS)}, folder / EMBEDDING)
    write_record(model, folder, rank)
    return folder


def write_record(model, folder, rank=3, **changes):
    """The record of the files in the folder of a LoRA, or of a whole UNet where it has no rank."""
    names = (LORA, EMBEDDING)
    record = {
        "format": 1,
        "scheduler": "DDIM:trailing",
        "timestep_offsets": {"4": 0.0, "2": 5.0},
        "guidance": [1.0, 8.0],
        "prediction_type": scheduler(model)["prediction_type"],
        "teacher": source_digest(model),
    }
    if rank is not None:
        digests = {n: hashlib.sha256((folder / n).read_bytes()).hexdigest() for n in names}
        record["lora"] = {"rank": rank, "digests": digests}
    (folder / "distilled.json").write_text(json.dumps({**record, **changes}))


def scheduler(model):
    return json.loads((model / "scheduler" / "scheduler_config.json").read_text())


def told_unet(model, folder):
    """The model's UNet with the embedding of guidance in a folder, by unmodified `diffusers`."""
    config = UNet2DConditionModel.load_config(model / "unet")
    embedding = load_file(folder / EMBEDDING)
    channels = embedding[PROJECTION].shape[1]
    unet = UNet2DConditionModel.from_config({**config, "time_cond_proj_dim": channels})
    unet.load_state_dict({**load_file(model / "unet" / WEIGHTS), **embedding})
    return unet.eval()


def plain_unet(model, folder):
    """The same with the LoRA, too."""
    unet = told_unet(model, folder)
    unet.load_lora_adapter(folder, weight_name=LORA, prefix="unet")
    return unet


def whole_unet(model, folder, out):
    """The folder `out` of a whole distilled UNet, the LoRA in `folder` fused into it by `peft`."""
    unet = plain_unet(model, folder)
    unet.fuse_lora()
    unet.unload_lora()
    unet.save_pretrained(out)
    write_record(model, out, None)
    return out
