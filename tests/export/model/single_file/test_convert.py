"""Checkpoints in one file: the folder made of one is the model that was written into it."""

import json
import os

import diffusers
import pytest
import torch
from pipelines import assert_same_image, pipeline_image
from safetensors.torch import load_file, save_file
from single_files import PREFIXES
from transformers import CLIPTokenizer

from zeroreal.base import InputError
from zeroreal.export import check_model_folder, find_model
from zeroreal.generate import Generator, SampleSpec

SPEC = SampleSpec(0, 0, "a photo of a naïve cat", guidance=4.0, seed=5, negative_prompt="blurry")


CLIP = "cond_stage_model.transformer.text_model."


def weights(part):
    (file,) = part.glob("*.safetensors")
    return {name.removeprefix("text_model."): value for name, value in load_file(file).items()}


@pytest.mark.parametrize("family", PREFIXES)
def test_every_weight_is_where_it_was(family, checkpoint, folders):
    made = find_model(checkpoint(family))
    info = check_model_folder(made)
    for part in (*info.text_encoders, "unet", "vae"):
        expected, found = weights(folders(family) / part), weights(made / part)
        assert found.keys() == expected.keys()
        assert all(torch.equal(found[name], expected[name]) for name in expected)


@pytest.mark.parametrize("family", ["sd15", "sdxl"])
def test_images_are_those_of_the_pipeline(family, checkpoint, noise_of):
    file, steps = checkpoint(family), 4
    ours = Generator(
        model=str(file), device="cpu", precision="fp32", engine="torch", steps=steps, tune="off"
    ).images([SPEC])[0][0]
    # Its default configuration would be fetched from the hub; ours has its tokenizer beside.
    index = json.loads((find_model(file) / "model_index.json").read_text())
    kind = getattr(diffusers, index["_class_name"])
    pipeline = kind.from_single_file(str(file), config=str(find_model(file)))
    assert_same_image(ours, pipeline_image(pipeline, SPEC, steps, noise_of))


# As on the hub: runwayml/stable-diffusion-v1-5, stabilityai/stable-diffusion-2-1 and its base,
# stabilityai/stable-diffusion-xl-base-1.0.
SHARED = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1000,
    "set_alpha_to_one": False,
    "steps_offset": 1,
    "clip_sample": False,
    "timestep_spacing": "leading",
    "prediction_type": "epsilon",
}
PUBLISHED = {
    "sd15": {"_class_name": "PNDMScheduler", "skip_prk_steps": True, **SHARED},
    "sd21": {"_class_name": "DDIMScheduler", **SHARED},
    "sdxl": {"_class_name": "EulerDiscreteScheduler", **SHARED},
}


@pytest.mark.parametrize("family", PUBLISHED)
def test_the_scheduler_is_the_published_one(family, checkpoint):
    folder = find_model(checkpoint(family))
    config = json.loads((folder / "scheduler" / "scheduler_config.json").read_text())
    assert config.items() >= PUBLISHED[family].items()


@pytest.mark.parametrize(
    ("family", "more", "prediction", "side"),
    [
        ("sd21", {}, "epsilon", 4),
        ("sd21", {"metadata": {"modelspec.prediction_type": "v"}}, "v_prediction", 8),
        ("sdxl", {"v_pred": torch.zeros(1), "ztsnr": torch.zeros(1)}, "v_prediction", 8),
    ],
)
def test_what_is_predicted_follows_what_the_file_says(family, more, prediction, side, checkpoint):
    folder = find_model(checkpoint(family, **more))
    info = check_model_folder(folder)
    assert (info.prediction_type, info.latent_side) == (prediction, side)
    config = json.loads((folder / "scheduler" / "scheduler_config.json").read_text())
    assert config.get("rescale_betas_zero_snr", False) is ("ztsnr" in more)


def test_the_tokenizer_is_that_of_clip(checkpoint):
    folder = find_model(checkpoint("sdxl"))
    first, second = (
        CLIPTokenizer.from_pretrained(folder / name) for name in ("tokenizer", "tokenizer_2")
    )
    # The ids that OpenAI's own tokenizer gives.
    assert first("a photo of a cat").input_ids == [49406, 320, 1125, 539, 320, 2368, 49407]
    assert (len(first), first.pad_token_id, second.pad_token_id) == (49408, 49407, 0)


def test_a_file_is_converted_once_and_again_when_it_changes(checkpoint, caplog):
    file = checkpoint()
    first = find_model(file)
    assert find_model(file) == first
    assert caplog.text.count("is converted") == 1
    name = "model.diffusion_model.out.2.bias"
    state = os.stat(file)
    checkpoint(**{name: torch.full((4,), 2.0)})
    os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns))  # same size, same time
    assert (weights(find_model(file) / "unet")["conv_out.bias"] == 2).all()


def test_half_precision_stays_as_it_is(checkpoint):
    file = checkpoint()
    save_file({name: value.half() for name, value in load_file(file).items()}, file)
    made = find_model(file)
    stored = {
        value.dtype
        for part in ("unet", "vae", "text_encoder")
        for value in weights(made / part).values()
    }
    assert stored == {torch.float16}
    assert json.loads((made / "text_encoder" / "config.json").read_text())["dtype"] == "float16"


def test_what_no_pipeline_uses_is_left_out(checkpoint):
    more = {
        "model_ema.decay": torch.zeros(1),
        "alphas_cumprod": torch.zeros(1000),
        f"{CLIP}embeddings.position_ids": torch.arange(77)[None],
    }
    check_model_folder(find_model(checkpoint(**more)))


UNET, VAE = "model.diffusion_model.", "first_stage_model."
NINE, SHORT = torch.zeros(32, 9, 3, 3), torch.zeros(3)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"without": (f"{UNET}out.2.bias",)}, "unet of model file .* lacks tensor 'conv_out.bias'"),
        ({"without": (f"{UNET}input_blocks.1.0.in",)}, "lacks tensors 'down_blocks.0.resnets.0.c"),
        ({"without": (f"{CLIP}final",)}, "text_encoder of .* lacks tensors 'final_layer"),
        ({"without": (f"{VAE}decoder.conv_out",)}, "vae of model file .* lacks tensors"),
        ({f"{VAE}extra": SHORT}, "has tensor 'first_stage_model.extra' too many"),
        ({f"{UNET}time_embed.cond_proj.weight": NINE}, "cond_proj.weight' too many"),
        ({"unheard.of": SHORT}, "has tensor 'unheard.of' too many"),
        ({f"{UNET}out.2.bias": SHORT}, r"'conv_out.bias' of shape \(3,\) where .* \(4,\)"),
        ({f"{UNET}input_blocks.0.0.weight": NINE}, "9 input channels"),
        ({f"{UNET}out.2.weight": NINE.to(torch.int8)}, "in I8, a form to"),
        ({"family": "sdxl", "without": (f"{UNET}label_emb",)}, "unet of .* lacks tensor 'label_"),
        ({"without": (VAE,)}, "lacks its VAE: give"),
        ({"without": (VAE, "cond_stage")}, "lacks its VAE and text encoder"),
    ],
)
def test_a_file_that_is_not_whole_is_refused(change, told, checkpoint):
    file = checkpoint(**change)
    with pytest.raises(InputError, match=told) as caught:
        find_model(file)
    assert "\n" not in str(caught.value)
    assert str(file) in str(caught.value)
