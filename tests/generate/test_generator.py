"""Generation against `diffusers` itself, with the same weights, prompts, guidance and noise."""

from dataclasses import replace

import pytest
import torch
from diffusers import StableDiffusionPipeline

from zeroreal.assets import TINY_FASHION
from zeroreal.export import load_scheduler

STEPS = 6


@pytest.fixture(scope="module")
def pipeline():
    loaded = StableDiffusionPipeline.from_pretrained(TINY_FASHION, safety_checker=None)
    loaded.set_progress_bar_config(disable=True)
    return loaded


@pytest.fixture
def by_diffusers(pipeline, noise_of):
    """A function that makes each image alone, by the published pipeline from the same noise."""

    def make(scheduler, wanted):
        pipeline.scheduler = scheduler
        return torch.cat([make_one(spec) for spec in wanted])

    def make_one(spec):
        with noise_of(spec.seed, (4, 8, 8), pipeline.scheduler) as latents:
            image = pipeline(
                spec.prompt,
                negative_prompt=spec.negative_prompt,
                guidance_scale=spec.guidance,
                num_inference_steps=STEPS,
                latents=latents,
                output_type="pt",
            ).images
        return (image * 255).round().to(torch.uint8).permute(0, 2, 3, 1)

    return make


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
def test_images_equal_those_of_diffusers(by_diffusers, scheduler, generator, specs, difference):
    ours = generator(scheduler=scheduler)
    wanted = specs()
    assert len({spec.guidance for spec in wanted}) > 1, "guidance is mixed inside the batch"
    images, labels = ours.images(wanted)
    expected = by_diffusers(load_scheduler(TINY_FASHION, scheduler), wanted)
    distance = difference(images, expected)
    assert distance.mean() <= 1
    assert distance.max() <= 3
    assert labels.tolist() == [spec.label for spec in wanted]


def test_images_without_guidance_equal_those_of_diffusers(
    by_diffusers, generator, specs, difference
):
    ours = generator(scheduler="DDIM")
    wanted = [spec for spec in specs("random-guidance", 60) if spec.guidance == 1][:3]
    distance = difference(
        ours.images(wanted)[0], by_diffusers(load_scheduler(TINY_FASHION, "DDIM"), wanted)
    )
    assert distance.max() <= 3


def test_a_sample_is_the_same_alone_in_other_batches_and_in_another_order(
    generator, specs, difference
):
    wanted = specs(count=7)
    together, _ = generator().images(wanted)
    alone, _ = generator().images([wanted[4]])
    backwards, _ = generator(batch_size=3).images(wanted[::-1])
    assert difference(together[4:5], alone).max() <= 1
    assert difference(together, backwards.flip(0)).max() <= 1


def test_the_seed_and_the_prompt_and_the_guidance_each_change_the_image(
    generator, specs, difference
):
    base = specs("base", 1)[0]
    others = [
        replace(base, seed=base.seed + 1),
        replace(base, prompt="a sketch of a t-shirt/top"),
        replace(base, guidance=1.0),
    ]
    images, _ = generator().images([base, *others])
    assert all(difference(images[0], other).mean() > 1 for other in images[1:])


def test_each_distinct_prompt_is_encoded_once(generator, specs):
    ours = generator(steps=1)
    ours.images(specs("multi-domain", 8))
    before = len(ours.text)
    ours.images(specs("multi-domain", 8))
    assert len(ours.text) == before == 9  # eight prompts and the empty negative one


@pytest.mark.gpu
def test_a_gpu_gives_the_images_of_the_cpu(generator, specs, difference):
    wanted = specs()
    on_gpu, labels = generator(device="cuda").images(wanted)
    assert on_gpu.is_cuda
    assert labels.is_cuda
    on_cpu, _ = generator().images(wanted)
    assert difference(on_gpu.cpu(), on_cpu).mean() <= 1


@pytest.mark.gpu
def test_graphs_of_all_steps_give_the_same_images_again_and_again(generator, specs, difference):
    wanted = specs("merged", 40)
    plain, _ = generator(device="cuda").images(wanted)
    graphed = generator(device="cuda", cuda_graphs=True)
    for _ in range(3):
        assert difference(graphed.images(wanted)[0], plain).max() <= 1
