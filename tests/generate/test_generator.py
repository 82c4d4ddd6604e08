"""Generation against `diffusers` itself, with the same weights, prompts, guidance and noise."""

from dataclasses import replace

import pytest
import torch
from diffusers import StableDiffusionPipeline

from zeroreal.assets import TINY_FASHION
from zeroreal.generate import Generator, InputError, SamplePlan, load_recipe, parse_classes
from zeroreal.train import RunSettings

CLASSES = parse_classes(RunSettings().classes)
STEPS = 6


def generator(**options):
    defaults = {"device": "cpu", "precision": "fp32", "steps": STEPS, "batch_size": 8}
    return Generator(**{"engine": "torch", **defaults, **options})


@pytest.fixture(scope="module")
def pipeline():
    loaded = StableDiffusionPipeline.from_pretrained(TINY_FASHION, safety_checker=None)
    loaded.set_progress_bar_config(disable=True)
    return loaded


def specs(recipe="merged", count=8, seed=3):
    # Every seventh: all classes and, in a merged recipe, all parts.
    return SamplePlan(load_recipe(recipe), CLASSES, 100, seed)[: 7 * count : 7]


def by_diffusers(pipeline, scheduler, wanted):
    """Each image alone, by the published pipeline: uint8 `[N, H, W, 3]`."""
    pipeline.scheduler = scheduler
    images = [
        pipeline(
            spec.prompt,
            negative_prompt=spec.negative_prompt,
            guidance_scale=spec.guidance,
            num_inference_steps=STEPS,
            generator=torch.Generator().manual_seed(spec.seed),
            output_type="pt",
        ).images[0]
        for spec in wanted
    ]
    return (torch.stack(images) * 255).round().to(torch.uint8).permute(0, 2, 3, 1)


def difference(left, right):
    return (left.int() - right.int()).abs().float()


@pytest.mark.parametrize(
    "scheduler",
    [
        "DDIMScheduler",
        "DPMSolverMultistepScheduler",
        "EulerDiscreteScheduler",
        "EulerAncestralDiscreteScheduler",
        "UniPCMultistepScheduler",
        "PNDMScheduler",
    ],
)
def test_images_equal_those_of_diffusers(pipeline, scheduler):
    ours = generator(scheduler=scheduler)
    wanted = specs()
    assert len({spec.guidance for spec in wanted}) > 1, "guidance is mixed inside the batch"
    images, labels = ours.images(wanted)
    expected = by_diffusers(pipeline, ours.scheduler, wanted)
    distance = difference(images, expected)
    assert distance.mean() <= 1
    assert distance.max() <= 3
    assert labels.tolist() == [spec.label for spec in wanted]


def test_images_without_guidance_equal_those_of_diffusers(pipeline):
    ours = generator(scheduler="DDIM")
    wanted = [spec for spec in specs("random-guidance", 60) if spec.guidance == 1][:3]
    distance = difference(ours.images(wanted)[0], by_diffusers(pipeline, ours.scheduler, wanted))
    assert distance.max() <= 3


def test_a_sample_is_the_same_alone_in_other_batches_and_in_another_order():
    wanted = specs(count=7)
    together, _ = generator().images(wanted)
    alone, _ = generator().images([wanted[4]])
    backwards, _ = generator(batch_size=3).images(wanted[::-1])
    assert difference(together[4:5], alone).max() <= 1
    assert difference(together, backwards.flip(0)).max() <= 1


def test_the_seed_and_the_prompt_and_the_guidance_each_change_the_image():
    base = specs("base", 1)[0]
    others = [
        replace(base, seed=base.seed + 1),
        replace(base, prompt="a sketch of a t-shirt/top"),
        replace(base, guidance=1.0),
    ]
    images, _ = generator().images([base, *others])
    assert all(difference(images[0], other).mean() > 1 for other in images[1:])


def test_images_come_at_the_size_that_training_asks_for():
    small = generator(image_size=20)
    images, _ = small.images(specs(count=2))
    assert images.shape == (2, 20, 20, 3)
    assert images.dtype == torch.uint8
    full, _ = generator().images(specs(count=2))
    assert full.shape == (2, 32, 32, 3)
    # Independently: PyTorch's antialiased resize of the full-size images.
    resized = torch.nn.functional.interpolate(
        full.permute(0, 3, 1, 2).float(), size=20, mode="bilinear", antialias=True
    )
    assert (images.permute(0, 3, 1, 2).float() - resized).abs().max() <= 2


def test_bf16_images_stay_close_to_fp32():
    wanted = specs("base", 8)
    exact, _ = generator().images(wanted)
    rounded, _ = generator(precision="bf16").images(wanted)
    assert difference(exact, rounded).mean() < 8


def test_each_distinct_prompt_is_encoded_once():
    ours = generator(steps=1)
    ours.images(specs("multi-domain", 8))
    before = len(ours.text)
    ours.images(specs("multi-domain", 8))
    assert len(ours.text) == before == 9  # eight prompts and the empty negative one


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"scheduler": "EulerDiscreet"}, "did you mean 'EulerDiscrete'"),
        ({"steps": 0}, "steps is 0"),
        ({"steps": 2_000}, "give 1 to 1000"),
        ({"batch_size": 0}, "batch size is 0"),
        ({"image_size": 4}, "at least 8 pixels"),
        ({"precision": "fp8"}, "unknown precision 'fp8'"),
        ({"precision": "fp16"}, "use 'bf16' or 'fp32'"),
        ({"device": "tpu"}, "unknown device 'tpu'"),
        ({"device": "cuda:99"}, "is not on this machine"),
        ({"model": "./no-such-folder"}, "does not exist"),
    ],
)
def test_bad_options_get_one_sentence(options, complaint):
    with pytest.raises(InputError) as caught:
        generator(**options)
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.gpu
def test_a_gpu_gives_the_images_of_the_cpu():
    wanted = specs()
    on_gpu, labels = generator(device="cuda").images(wanted)
    assert on_gpu.is_cuda
    assert labels.is_cuda
    on_cpu, _ = generator().images(wanted)
    assert difference(on_gpu.cpu(), on_cpu).mean() <= 1


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_narrow_types_on_a_gpu_stay_close_to_fp32(precision):
    wanted = specs("base", 8)
    narrow, _ = generator(device="cuda", precision=precision).images(wanted)
    exact, _ = generator().images(wanted)
    assert difference(narrow.cpu(), exact).mean() < 8
