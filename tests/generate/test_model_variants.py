"""Model folders as people have them: our images are those of the unmodified pipeline."""

import functools
import json
import shutil

import pytest
import torch
from diffusers import StableDiffusionPipeline
from pipelines import assert_same_image, pipeline_image
from transformers import CLIPTextModel, CLIPTokenizer

from zeroreal.generate import SampleSpec

PROMPT = "a photo of a <shoe> and a coat, seen from the side"
SPEC = SampleSpec(index=0, label=0, prompt=PROMPT, guidance=4.0, seed=5, negative_prompt="blurry")


def edit(path, **changes):
    """Set keys of a JSON file; `KeyError` as a value takes one out."""
    content = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps({k: v for k, v in content.items() if v is not KeyError}))


def scheduler(folder, name, **config):
    edit(folder / "model_index.json", scheduler=["diffusers", name])
    edit(folder / "scheduler" / "scheduler_config.json", **{"_class_name": name, **config})


def textual_inversion(folder):
    """A word of two vectors, as `save_pretrained` leaves it after `load_textual_inversion`."""
    tokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer")
    tokenizer.add_tokens(["<shoe>", "<shoe>_1"])
    encoder = CLIPTextModel.from_pretrained(folder / "text_encoder")
    encoder.resize_token_embeddings(len(tokenizer))
    tokenizer.save_pretrained(folder / "tokenizer")
    encoder.save_pretrained(folder / "text_encoder")


UNLIKE = {"_class_name": "PNDMScheduler", "skip_prk_steps": True}
VARIANTS = {
    "as it is": lambda folder: None,
    "scheduler by model_index.json": functools.partial(
        scheduler, name="EulerAncestralDiscreteScheduler", **UNLIKE
    ),
    "class of a Flax scheduler": functools.partial(
        scheduler, name="DDIMScheduler", _class_name="FlaxDDIMScheduler"
    ),
    "no class": functools.partial(scheduler, name="DDIMScheduler", _class_name=KeyError),
    "no steps_offset": functools.partial(
        scheduler, name="PNDMScheduler", steps_offset=KeyError, skip_prk_steps=True
    ),
    "clip_sample": functools.partial(scheduler, name="DDIMScheduler", clip_sample=True),
    "TCD": functools.partial(scheduler, name="TCDScheduler"),
    "EDMEuler": functools.partial(scheduler, name="EDMEulerScheduler"),
    "EDMDPMSolver": functools.partial(scheduler, name="EDMDPMSolverMultistepScheduler"),
    "sample_size of two": lambda folder: edit(folder / "unet" / "config.json", sample_size=[8, 8]),
    "no in_channels": lambda folder: edit(folder / "unet" / "config.json", in_channels=KeyError),
    "short prompts": lambda folder: edit(
        folder / "tokenizer" / "tokenizer_config.json", model_max_length=9
    ),
    "another pipeline": lambda folder: edit(
        folder / "model_index.json", _class_name="StableDiffusionImg2ImgPipeline"
    ),
    "textual inversion": textual_inversion,
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_images_are_those_of_the_pipeline(variant, tmp_path, generator, noise_of, tiny_model):
    folder = shutil.copytree(tiny_model("sd15"), tmp_path / "model")
    VARIANTS[variant](folder)
    steps = 6
    ours = generator(model=str(folder), steps=steps, tune="off").images([SPEC])[0][0]
    pipeline = StableDiffusionPipeline.from_pretrained(folder).to(torch.float32)
    assert_same_image(ours, pipeline_image(pipeline, SPEC, steps, noise_of))
