"""What is read off a model folder's configuration files, and which models are declined."""

import json
import shutil

import pytest

from zeroreal.assets import TINY_FASHION
from zeroreal.base import InputError
from zeroreal.export import ModelInfo
from zeroreal.export.model.model_info import read_model_info

ONE_ENCODER = {
    "pipeline": "StableDiffusionPipeline",
    "text_encoders": ("text_encoder",),
    "tokens": 77,
    "context_channels": 32,
    "pooled_channels": None,
    "guidance_channels": None,
    "latent_channels": 4,
    "latent_side": 8,
    "vae_scale": 2,
    "unet_channels": 32,
    "unet_scale": 2,
    "empty_negative_is_zero": False,
    "prediction_type": "epsilon",
    "train_timesteps": 1000,
}
FACTS = {
    "sd15": ONE_ENCODER,
    "sd21": {**ONE_ENCODER, "prediction_type": "v_prediction"},
    "sd-turbo": ONE_ENCODER,
    "lcm": {
        **ONE_ENCODER,
        "pipeline": "LatentConsistencyModelPipeline",
        "guidance_channels": 256,
    },
    "sdxl": {
        **ONE_ENCODER,
        "pipeline": "StableDiffusionXLPipeline",
        "text_encoders": ("text_encoder", "text_encoder_2"),
        "context_channels": 64,
        "pooled_channels": 32,
        "empty_negative_is_zero": True,
    },
}
PARTS = {"model_index": "model_index.json", "unet": "unet/config.json", "vae": "vae/config.json"}


@pytest.fixture
def changed(tiny_model, tmp_path):
    """A function that copies a family's configuration with changes to it; None removes a key."""

    def change(family, part, **changes):
        folder = tmp_path / family
        shutil.copytree(tiny_model(family), folder, ignore=shutil.ignore_patterns("*.safetensors"))
        path = folder / PARTS[part]
        content = {**json.loads(path.read_text()), **changes}
        kept = {key: value for key, value in content.items() if value is not None}
        path.write_text(json.dumps(kept))
        return folder

    return change


@pytest.mark.parametrize("family", FACTS)
def test_the_facts_of_every_family_are_read(tiny_model, family):
    assert read_model_info(tiny_model(family)) == ModelInfo(**FACTS[family])


def test_sizes_in_pixels_follow_from_those_of_latents():
    info = read_model_info(TINY_FASHION)
    assert (info.latent_side, info.vae_scale, info.image_side) == (8, 4, 32)


def test_a_distilled_unet_takes_guidance_in_one_pass(tiny_model):
    assert read_model_info(tiny_model("sd15")).guided
    assert not read_model_info(tiny_model("lcm")).guided


@pytest.mark.parametrize(("written", "zero"), [(True, True), (False, False), (None, True)])
def test_sdxls_empty_negative_prompt_is_zero_unless_the_model_says_no(changed, written, zero):
    """As `diffusers` has it, whose pipeline takes True where the file says nothing."""
    from diffusers import StableDiffusionXLPipeline

    folder = changed("sdxl", "model_index", force_zeros_for_empty_prompt=written)
    assert read_model_info(folder).empty_negative_is_zero == zero
    given = {} if written is None else {"force_zeros_for_empty_prompt": written}
    parts = ("vae", "text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2", "unet")
    nothing = dict.fromkeys((*parts, "scheduler"))
    pipeline = StableDiffusionXLPipeline(**nothing, **given, add_watermarker=False)
    assert pipeline.config.force_zeros_for_empty_prompt == zero


REFUSED = [
    ("sd15", "model_index", {"_class_name": "FluxPipeline"}, "holds a FluxPipeline, not a St"),
    ("sd15", "model_index", {"_class_name": None}, "holds a None, not a Stable Diffusion"),
    (
        "sd15",
        "model_index",
        {"text_encoder": ["transformers", "T5EncoderModel"]},
        "has a text_encoder of class T5EncoderModel: CLIPTextModel or CLIPTextModelWithProj",
    ),
    (
        "sd15",
        "model_index",
        {"vae": ["diffusers", "AutoencoderDC"]},
        "has a vae of class AutoencoderDC: AutoencoderKL or AutoencoderTiny is needed",
    ),
    (
        "sd15",
        "model_index",
        {"unet": ["diffusers", "UNet2DModel"]},
        "has a unet of class UNet2DModel: UNet2DConditionModel is needed",
    ),
    ("sd15", "model_index", {"unet": None}, "has a unet of class None"),
    (
        "sdxl",
        "model_index",
        {"text_encoder": [None, None]},
        "has 1 text encoders: a StableDiffusionXLPipeline with 2 is needed",
    ),
    (
        "sdxl",
        "model_index",
        {"_class_name": "StableDiffusionPipeline"},
        "has 2 text encoders: a StableDiffusionPipeline with 1 is needed",
    ),
    ("sd15", "model_index", {"text_encoder": None}, "has 0 text encoders"),
    (
        "sd15",
        "unet",
        {"in_channels": 9},
        "takes 9 channels where latents have 4 (an inpainting or editing model)",
    ),
    ("sd15", "unet", {"num_class_embeds": 10}, "is conditioned on classes"),
    ("sd15", "unet", {"encoder_hid_dim_type": "image_proj"}, "its context by 'image_proj'"),
    ("sdxl", "unet", {"addition_embed_type": "image"}, "additional conditions 'image'"),
    ("sd15", "unet", {"addition_embed_type": "text_time"}, "conditions 'text_time'"),
    (
        "sd15",
        "unet",
        {"cross_attention_dim": [32, 64]},
        "has [32, 64] as 'cross_attention_d",
    ),
    (
        "sd15",
        "unet",
        {"sample_size": "64"},
        "has '64' as 'sample_size': input should be a valid integer; copy",
    ),
    (
        "sd15",
        "vae",
        {"block_out_channels": 32},
        "has 32 as 'block_out_channels': input should be a valid tuple; copy",
    ),
    (
        "sd15",
        "vae",
        {"out_channels": 6},
        "to 6 channels: one for images of 3 is needed",
    ),
]


@pytest.mark.parametrize(("family", "part", "changes", "complaint"), REFUSED)
def test_models_that_cannot_be_served_get_one_sentence(changed, family, part, changes, complaint):
    folder = changed(family, part, **changes)
    with pytest.raises(InputError) as caught:
        read_model_info(folder)
    assert complaint in str(caught.value)
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_part_that_is_null_is_absent(changed):
    folder = changed("sd15", "model_index")
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps({**index, "text_encoder_2": None}))
    assert read_model_info(folder).text_encoders == ("text_encoder",)


def test_absent_keys_are_the_librarys_defaults():
    import inspect

    import diffusers
    from transformers import CLIPTextConfig

    from zeroreal.export.model.values.parts import VAES, TextValues, UNetValues

    for name, values in {"UNet2DConditionModel": UNetValues, **VAES}.items():
        parameters = inspect.signature(getattr(diffusers, name)).parameters
        defaults = values().model_dump()
        assert {key: parameters[key].default for key in defaults} == defaults
    defaults = TextValues().model_dump()
    assert {key: getattr(CLIPTextConfig(), key) for key in defaults} == defaults


@pytest.mark.parametrize(
    ("written", "side"),
    [
        ({"sample_size": [12, 12]}, 12),
        ({"sample_size": [8, 12]}, None),
        ({"sample_size": None}, None),
        ({"sample_size": 8, "_diffusers_version": "0.6.0"}, 64),  # as the pipeline's constructor
        ({"sample_size": 8, "_diffusers_version": "0.9.0"}, 8),
    ],
)
def test_the_size_is_that_of_the_pipeline(changed, written, side):
    info = read_model_info(changed("sd15", "unet", **written))
    assert info.latent_side == side
    if side is None:
        with pytest.raises(InputError, match="by --generate-size"):
            _ = info.image_side


def test_a_prompt_is_as_long_as_the_tokenizer_says(changed):
    folder = changed("sd15", "unet")
    path = folder / "tokenizer" / "tokenizer_config.json"
    for length, tokens in ((20, 20), (None, 77), (10**30, 77)):
        path.write_text(json.dumps({"model_max_length": length}))
        assert read_model_info(folder).tokens == tokens


@pytest.mark.parametrize(
    ("family", "name", "pipeline"),
    [
        ("sd15", "StableDiffusionImg2ImgPipeline", "StableDiffusionPipeline"),
        ("sd15", ["pipeline", "LongPromptWeightingPipeline"], "StableDiffusionPipeline"),
        ("sdxl", "StableDiffusionXLControlNetPAGPipeline", "StableDiffusionXLPipeline"),
        ("lcm", "LatentConsistencyModelImg2ImgPipeline", "LatentConsistencyModelPipeline"),
    ],
)
def test_pipelines_of_another_class_with_the_same_parts_are_served(changed, family, name, pipeline):
    assert read_model_info(changed(family, "model_index", _class_name=name)).pipeline == pipeline
