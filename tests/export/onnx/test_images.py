"""Images of every family, exported or not, against those of `diffusers`."""

import pytest
import torch
from diffusers import DiffusionPipeline

from zeroreal.export import load_scheduler
from zeroreal.generate import Generator, SampleSpec

QUICK, OTHERS = ("sd15", "sdxl"), ("sd21", "sd-turbo", "lcm")
FAMILIES = (*QUICK, *OTHERS)


PROMPTS = ("a photo of a coat", "a sketch of a bag", "")


def sample(index, guidance, prompt=PROMPTS[0], negative=""):
    return SampleSpec(index, 0, prompt, negative, guidance, seed=100 + index)


@pytest.fixture
def by_diffusers(noise_of):
    """A function that makes each image alone, by the pipeline itself: uint8 `[N, H, W, 3]`."""

    def make(folder, scheduler, specs, steps):
        pipeline = DiffusionPipeline.from_pretrained(folder, torch_dtype=torch.float32)
        pipeline.set_progress_bar_config(disable=True)
        pipeline.scheduler = scheduler
        return torch.cat([make_one(pipeline, spec, steps) for spec in specs])

    def make_one(pipeline, spec, steps):
        options = {"negative_prompt": spec.negative_prompt or None}
        if "LatentConsistency" in type(pipeline).__name__:
            options = {}
        side = pipeline.unet.config.sample_size
        with noise_of(spec.seed, (4, side, side), pipeline.scheduler) as latents:
            image = pipeline(
                spec.prompt,
                guidance_scale=spec.guidance,
                num_inference_steps=steps,
                latents=latents,
                output_type="pt",
                **options,
            ).images
        return (image * 255).round().to(torch.uint8).permute(0, 2, 3, 1)

    return make


@pytest.mark.parametrize(
    ("engine", "family"),
    [
        *(("torch", family) for family in FAMILIES),
        *(("onnxruntime", family) for family in QUICK),
        *(pytest.param("onnxruntime", family, marks=pytest.mark.slow) for family in OTHERS),
    ],
)
def test_images_of_every_family_equal_those_of_diffusers(
    tiny_model, tiny_export, by_diffusers, family, engine
):
    folder = tiny_model(family)
    model = folder if engine == "torch" else tiny_export(family, "fp32").folder
    ours = Generator(
        model=model, engine=engine, device="cpu", precision="fp32", steps=4, batch_size=3
    )
    specs = [sample(0, 5.0), sample(1, 1.0, PROMPTS[1]), sample(2, 2.5, PROMPTS[1], "a bag")]
    images, _ = ours.images(specs)
    expected = by_diffusers(folder, load_scheduler(ours.folder), specs, 4)
    difference = (images.int() - expected.int()).abs().float()
    assert expected.float().std() > 5, "an image of one colour would compare equal to anything"
    assert difference.mean() <= 0.5
    assert difference.max() <= 3


@pytest.mark.slow
def test_images_of_the_compiled_engine_equal_those_of_diffusers(tiny_model, by_diffusers):
    ours = Generator(
        model=tiny_model("sd15"),
        engine="torch:compiled",
        device="cpu",
        precision="fp32",
        steps=4,
        batch_size=3,
    )
    specs = [sample(0, 5.0), sample(1, 1.0, PROMPTS[1]), sample(2, 2.5, PROMPTS[1], "a bag")]
    expected = by_diffusers(tiny_model("sd15"), load_scheduler(ours.folder), specs, 4)
    difference = (ours.images(specs)[0].int() - expected.int()).abs().float()
    assert difference.mean() <= 0.5
    assert difference.max() <= 3
