"""What the options of generation change in the images, and which are refused."""

from dataclasses import replace

import pytest
import torch

from zeroreal.base import InputError
from zeroreal.generate import Generator


def test_guidance_outside_its_interval_is_none(generator, specs, difference):
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
def test_deep_features_used_again_change_the_images_a_little(
    scheduler, generator, specs, difference
):
    wanted = specs("base", 8)
    options = {"scheduler": scheduler, "steps": 12}
    whole, _ = generator(**options).images(wanted)
    again, _ = generator(**options, deep_cache=2).images(wanted)
    other, _ = generator(**options).images([replace(spec, seed=spec.seed + 1) for spec in wanted])
    assert 0 < difference(whole, again).mean() < difference(whole, other).mean() / 2


def test_images_generated_smaller_come_at_the_size_that_training_asks_for(generator, specs):
    images, _ = generator(generate_size=24, image_size=32).images(specs(count=2))
    assert images.shape == (2, 32, 32, 3)
    assert generator(generate_size=24).image_size == 24


def test_the_small_decoder_draws_nearly_the_same(generator, specs, difference):
    wanted = specs("base", 8)
    large, _ = generator().images(wanted)
    small, _ = generator(vae="tiny").images(wanted)
    assert 0 < difference(large, small).mean() < 8


def test_images_come_at_the_size_that_training_asks_for(generator, specs):
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


def test_bf16_images_stay_close_to_fp32(generator, specs, difference):
    wanted = specs("base", 8)
    exact, _ = generator().images(wanted)
    rounded, _ = generator(precision="bf16").images(wanted)
    assert difference(exact, rounded).mean() < 8


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"scheduler": "EulerDiscreet"}, "did you mean 'EulerDiscrete'"),
        ({"steps": 0}, "steps is 0"),
        ({"steps": 2_000}, "give 1 to 1000"),
        ({"batch_size": 0}, "batch size is 0"),
        ({"vae_batch_size": -1}, "vae batch size is -1"),
        ({"deep_cache": 0}, "deep cache is 0"),
        ({"guidance_interval": (5, 1)}, "5 to 1 is upside down"),
        ({"generate_size": 30}, "24 or 32"),
        ({"vae": "tiny-fashion"}, "tiny-fashion"),
        ({"image_size": 4}, "at least 8 pixels"),
        ({"precision": "fp4"}, "unknown precision 'fp4'"),
        ({"precision": "fp16"}, "use 'bf16' or 'fp32'"),
        ({"device": "tpu"}, "unknown device 'tpu'"),
        ({"device": "cuda:99"}, "is not on this machine"),
        ({"model": "./no-such-folder"}, "does not exist"),
    ],
)
def test_bad_options_get_one_sentence(options, complaint, generator):
    with pytest.raises(InputError) as caught:
        generator(**options)
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_narrow_types_on_a_gpu_stay_close_to_fp32(precision, generator, specs, difference):
    wanted = specs("base", 8)
    narrow, _ = generator(device="cuda", precision=precision).images(wanted)
    exact, _ = generator().images(wanted)
    assert difference(narrow.cpu(), exact).mean() < 8
