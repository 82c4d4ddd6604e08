"""Models with random weights: the published sizes, and numbers that half precision can hold."""

import math
from collections import Counter
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file

from zeroreal.base import InputError
from zeroreal.export.model import random_weights
from zeroreal.export.model.components import load_text_encoders, load_unet, load_vae
from zeroreal.export.model.model_info import read_model_info
from zeroreal.export.model.random_weights import architecture, architectures, write_random_model

# Millions of parameters of the published weights. LCM adds a projection of 256 to 320 channels.
CLIP_L, OPENCLIP_H, OPENCLIP_G, VAE = 123.1, 340.4, 694.7, 83.7
PUBLISHED = {
    "sd15": {"UNet2DConditionModel": 859.5, "CLIPTextModel": CLIP_L},
    "lcm": {"UNet2DConditionModel": 859.6, "CLIPTextModel": CLIP_L},
    "sd21": {"UNet2DConditionModel": 865.9, "CLIPTextModel": OPENCLIP_H},
    "sd-turbo": {"UNet2DConditionModel": 865.9, "CLIPTextModel": OPENCLIP_H},
    "sdxl": {
        "UNet2DConditionModel": 2567.5,
        "CLIPTextModel": CLIP_L,
        "CLIPTextModelWithProjection": OPENCLIP_G,
    },
}


def test_every_architecture_is_known_here():
    assert set(architectures()) == set(PUBLISHED)


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_architecture_has_as_many_parameters_as_the_published_weights(
    name, tmp_path, monkeypatch
):
    counts = Counter()

    def count(module, dtype):
        parameters = list(module.parameters())
        assert all(parameter.is_meta for parameter in parameters), "nothing is allocated"
        counts[type(module).__name__] = sum(parameter.numel() for parameter in parameters)
        return SimpleNamespace(save_pretrained=lambda folder: None)

    monkeypatch.setattr(random_weights, "_fill", count)
    write_random_model(architecture(name), tmp_path)
    millions = {kind: number / 1e6 for kind, number in counts.items()}
    assert millions == pytest.approx({**PUBLISHED[name], "AutoencoderKL": VAE}, abs=0.06)


def test_an_unknown_architecture_is_named():
    with pytest.raises(InputError, match="unknown architecture 'sd-15': did you mean 'sd15'"):
        architecture("sd-15")


def test_weights_follow_the_seed(tmp_path):
    blocks = {"block_out_channels": [32], "norm_num_groups": 8, "layers_per_block": 1}
    kinds = {"down_block_types": ["DownBlock2D"], "up_block_types": ["UpBlock2D"]}
    decoder = {"down_block_types": ["DownEncoderBlock2D"], "up_block_types": ["UpDecoderBlock2D"]}
    description = {
        "pipeline": "StableDiffusionPipeline",
        "unet": {**blocks, **kinds, "mid_block_type": None},
        "vae": {**blocks, **decoder},
        "scheduler": {"_class_name": "DDIMScheduler"},
    }
    weights = []
    for number, seed in enumerate((3, 3, 4)):
        write_random_model(description, tmp_path / str(number), torch.float16, seed)
        file = tmp_path / str(number) / "unet" / "diffusion_pytorch_model.safetensors"
        weights.append(load_file(file)["conv_in.weight"])
    assert weights[0].dtype == torch.float16
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_weights_are_normal_and_biases_and_normalisations_neutral(tiny_model):
    for name, weight in load_unet(tiny_model("sd15") / "unet", None).named_parameters():
        if weight.dim() == 1:
            assert torch.equal(weight, torch.full_like(weight, name.endswith("weight"))), name
        elif len(weight) > 4:
            inputs = math.prod(weight.shape[1:])
            deviation = 5 / math.sqrt(2 * weight.numel())  # five standard errors
            assert weight.std() * math.sqrt(inputs) == pytest.approx(1, abs=deviation), name


@pytest.mark.parametrize("family", ["sd15", "sdxl"])
def test_numbers_stay_within_half_precision_in_every_layer(tiny_model, family):
    folder = tiny_model(family)
    info = read_model_info(folder)
    random = torch.Generator().manual_seed(0)
    tokens = torch.randint(400, (2, info.tokens), generator=random)
    latents = torch.randn(2, 4, 8, 8, generator=random)
    context = torch.randn(2, info.tokens, info.context_channels, generator=random)
    conditions = {}
    if info.pooled_channels:
        pooled = torch.randn(2, info.pooled_channels, generator=random)
        conditions["added_cond_kwargs"] = {"text_embeds": pooled, "time_ids": torch.zeros(2, 6)}
    largest = []

    def note(module, inputs, output):
        if isinstance(output, torch.Tensor):
            largest.append(float(output.abs().max()))

    half = torch.float16
    unet, vae = load_unet(folder / "unet", half).float(), load_vae(folder / "vae", half).float()
    encoders = [encoder.float() for encoder in load_text_encoders(folder, info, half)]
    for model in (unet, vae, *encoders):
        for layer in model.modules():
            layer.register_forward_hook(note)
    with torch.inference_mode():
        predicted = unet(latents, 500, context, **conditions).sample
        decoded = vae.decode(latents).sample
        embedded = [encoder(tokens)[0] for encoder in encoders]
    assert len(largest) > 100
    assert max(largest) < 1000, "fp16 ends at 65504"
    for result in (predicted, decoded, *embedded):
        assert 0.05 < result.std() < 20
