"""Generation against `diffusers` itself, with the same weights, prompts, guidance and noise."""

import gc
import logging
from dataclasses import replace

import pytest
import torch
from diffusers import StableDiffusionPipeline

from zeroreal.assets import TINY_FASHION
from zeroreal.base import InputError
from zeroreal.generate import Generator, SamplePlan, load_recipe, parse_classes
from zeroreal.run import RunSettings

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
def test_images_equal_those_of_diffusers(by_diffusers, scheduler):
    ours = generator(scheduler=scheduler)
    wanted = specs()
    assert len({spec.guidance for spec in wanted}) > 1, "guidance is mixed inside the batch"
    images, labels = ours.images(wanted)
    expected = by_diffusers(ours.scheduler, wanted)
    distance = difference(images, expected)
    assert distance.mean() <= 1
    assert distance.max() <= 3
    assert labels.tolist() == [spec.label for spec in wanted]


def test_images_without_guidance_equal_those_of_diffusers(by_diffusers):
    ours = generator(scheduler="DDIM")
    wanted = [spec for spec in specs("random-guidance", 60) if spec.guidance == 1][:3]
    distance = difference(ours.images(wanted)[0], by_diffusers(ours.scheduler, wanted))
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


class Failing:
    """An engine in whose place another fails for a while: memory, or values that are none."""

    def __init__(self, engine, fails):
        self.engine, self.fails, self.calls = engine, fails, 0
        self.spec, self.profile, self.device = engine.spec, engine.profile, engine.device

    def __call__(self, inputs, outputs=None):
        self.calls += 1
        return self.fails(self.engine, inputs, outputs)


def live_bytes():
    """Of all tensors that anybody holds."""
    gc.collect()
    storages = {}
    for thing in gc.get_objects():
        if type(thing) in (torch.Tensor, torch.nn.Parameter) and thing.layout is torch.strided:
            storage = thing.untyped_storage()
            storages[storage.data_ptr()] = storage.nbytes()
    return sum(storages.values())


def with_engine(ours, name, fails):
    """`ours`, with its engine `name` failing as told."""
    failing = Failing(getattr(ours.engines, name), fails)
    if name == "text_encoder":
        ours.text._engine = failing
    elif name == "denoise":
        ours._sampler._steps = replace(ours._sampler._steps, engine=failing)
    else:
        ours._decoder._engine = failing
    return ours


def test_out_of_memory_halves_the_batch_is_said_once_and_loses_no_image(caplog):
    def fails(engine, inputs, outputs):
        if len(inputs["latents"]) > 3:
            raise torch.OutOfMemoryError("injected")
        return engine(inputs, outputs)

    wanted = specs(count=10)
    expected, labels = generator().images(wanted)
    ours = with_engine(generator(batch_size=10), "denoise", fails)
    with caplog.at_level(logging.WARNING):
        images, found_labels = ours.images(wanted)
    assert difference(images, expected).max() <= 1
    assert torch.equal(found_labels, labels)
    assert ours.batch_size == 2
    told = [record.getMessage() for record in caplog.records]
    assert [text.rpartition(" ")[2] for text in told] == ["5", "2"]


@pytest.mark.parametrize("name", ["text_encoder", "vae_decoder"])
def test_running_out_of_memory_beside_denoising_loses_no_image_either(name):
    """A neighbour takes the memory for the first two calls."""

    def fails(engine, inputs, outputs):
        tries.append(None)
        if len(tries) <= 2:
            raise torch.OutOfMemoryError("injected")
        return engine(inputs, outputs)

    tries = []
    wanted = specs(count=10)
    expected, labels = generator().images(wanted)
    ours = with_engine(generator(batch_size=8), name, fails)
    images, found_labels = ours.images(wanted)
    assert difference(images, expected).max() <= 1
    assert torch.equal(found_labels, labels)
    assert len(tries) > 2


def test_one_image_that_does_not_fit_gets_one_sentence():
    def fails(engine, inputs, outputs):
        raise torch.OutOfMemoryError("injected")

    with pytest.raises(InputError, match="one image of 32x32 pixels does not fit"):
        with_engine(generator(), "denoise", fails).images(specs(count=3))


def test_an_error_that_is_not_of_memory_is_not_hidden():
    def fails(engine, inputs, outputs):
        raise RuntimeError("something else")

    with pytest.raises(RuntimeError, match="something else"):
        with_engine(generator(), "denoise", fails).images(specs(count=3))


def spoil(rows, times, value=float("nan")):
    """Decoding in which the first images of the first `times` batches are of one `value`."""
    done = []

    def fails(engine, inputs, outputs):
        images = engine(inputs, outputs)["images"].clone()
        if len(done) < times:
            images[:rows] = value
        done.append(len(images))
        return {"images": images}

    return fails


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 0.3])
def test_an_image_that_is_none_is_made_again_from_other_noise(value):
    """None: blank, or not finite."""
    wanted = specs(count=6)
    expected, _ = generator().images(wanted)
    ours = with_engine(generator(), "vae_decoder", spoil(2, 1, value))
    batches = list(ours.generate(wanted))
    found = {spec.index: image for b in batches for spec, image in zip(b.specs, b.images, strict=1)}
    assert sorted(found) == sorted(spec.index for spec in wanted)
    distances = [difference(found[spec.index], expected[i]) for i, spec in enumerate(wanted)]
    assert sum(bool(distance.max() > 3) for distance in distances) == 2
    assert ours.rejected == []


def test_an_image_that_is_none_twice_is_left_out_and_reported(caplog):
    wanted = specs(count=6)
    ours = with_engine(generator(), "vae_decoder", spoil(rows=2, times=2))
    with caplog.at_level(logging.WARNING):
        made = [spec.index for batch in ours.generate(wanted) for spec in batch.specs]
    rejected = [spec.index for spec in ours.rejected]
    assert len(rejected) == 2
    assert sorted(made + rejected) == sorted(spec.index for spec in wanted)
    assert f"samples {rejected[0]}, {rejected[1]}" in caplog.records[-1].getMessage()


def test_a_model_that_makes_no_image_at_all_is_an_error():
    ours = with_engine(generator(batch_size=40, steps=1), "vae_decoder", spoil(99, 99))
    with pytest.raises(InputError, match="all blank or not finite in precision float32"):
        list(ours.generate(specs("base", count=40)))


def test_as_much_is_allocated_after_batch_300_as_after_batch_3():
    """With prompts and guidance that differ, and new prompts all along."""
    ours = generator(steps=1, batch_size=2, image_size=8)
    wanted = [
        replace(spec, seed=number, prompt=f"{spec.prompt} number {number}")
        for number, spec in enumerate(specs(count=12) * 51)
    ]
    held = {}
    for number, _ in enumerate(ours.generate(wanted), start=1):
        if number in (3, 300):
            held[number] = live_bytes()
    assert held[300] == held[3] > 0


def test_guidance_outside_its_interval_is_none():
    """In an interval that holds every step it is whole, and in one of a few it is less."""
    wanted = specs("base", 3)
    whole, _ = generator().images(wanted)
    everywhere, _ = generator(guidance_interval=(0, 1e9)).images(wanted)
    some, _ = generator(guidance_interval=(0, 1)).images(wanted)
    without, _ = generator().images([replace(spec, guidance=1.0) for spec in wanted])
    assert torch.equal(whole, everywhere)
    assert difference(some, whole).mean() > 1
    assert difference(some, without).mean() > 1


@pytest.mark.parametrize("options", [{"guidance_interval": (0.1, 9)}, {"negative_prompt": "dull"}])
def test_a_model_with_guidance_built_in_takes_no_settings_of_it(tiny_model, options):
    """Said before anything is measured or loaded."""
    told = []
    with pytest.raises(InputError, match="guidance built in"):
        Generator(model=tiny_model("lcm"), device="cpu", on_progress=told.append, **options)
    assert told == []


@pytest.mark.parametrize("scheduler", ["DDIM", "EulerAncestralDiscrete"])
def test_deep_features_used_again_change_the_images_a_little(scheduler):
    wanted = specs("base", 8)
    options = {"scheduler": scheduler, "steps": 12}
    whole, _ = generator(**options).images(wanted)
    again, _ = generator(**options, deep_cache=2).images(wanted)
    other, _ = generator(**options).images([replace(spec, seed=spec.seed + 1) for spec in wanted])
    assert 0 < difference(whole, again).mean() < difference(whole, other).mean() / 2


def test_images_generated_smaller_come_at_the_size_that_training_asks_for():
    images, _ = generator(generate_size=24, image_size=32).images(specs(count=2))
    assert images.shape == (2, 32, 32, 3)
    assert generator(generate_size=24).image_size == 24


def test_the_small_decoder_draws_nearly_the_same():
    wanted = specs("base", 8)
    large, _ = generator().images(wanted)
    small, _ = generator(vae="tiny").images(wanted)
    assert 0 < difference(large, small).mean() < 8


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
        ({"vae_batch_size": -1}, "vae batch size is -1"),
        ({"deep_cache": 0}, "deep cache is 0"),
        ({"guidance_interval": (5, 1)}, "5 to 1 is not one"),
        ({"generate_size": 30}, "24 or 32"),
        ({"vae": "tiny-fashion"}, "tiny-fashion"),
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
def test_graphs_of_all_steps_give_the_same_images_again_and_again():
    wanted = specs("merged", 40)
    plain, _ = generator(device="cuda").images(wanted)
    graphed = generator(device="cuda", cuda_graphs=True)
    for _ in range(3):
        assert difference(graphed.images(wanted)[0], plain).max() <= 1


@pytest.mark.gpu
def test_memory_after_the_third_batch_is_that_after_many():
    ours = generator(device="cuda", steps=1, batch_size=2)
    held = []
    for batch in ours.generate(specs("merged", 90)):
        del batch
        held.append(torch.cuda.memory_allocated())
    assert held[-2] == held[3]


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_narrow_types_on_a_gpu_stay_close_to_fp32(precision):
    wanted = specs("base", 8)
    narrow, _ = generator(device="cuda", precision=precision).images(wanted)
    exact, _ = generator().images(wanted)
    assert difference(narrow.cpu(), exact).mean() < 8
