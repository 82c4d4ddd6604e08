"""The diffusion classifier, against a plain loop on `diffusers` with the same noise."""

import functools
import math
from dataclasses import replace

import pytest
import torch
from diffusers import DDIMScheduler
from pipelines import pipeline_of

from zeroreal.assets import FASHION_MNIST_TEST, TINY_FASHION
from zeroreal.assets.embedded import EMBEDDED_CLASSES
from zeroreal.base import InputError
from zeroreal.data import load_images
from zeroreal.generate import DiffusionClassifier, parse_classes
from zeroreal.generate.diffusion_classifier.stages import parse_stages
from zeroreal.generate.plan.philox import Stream, seed63
from zeroreal.kernels import philox_normal_reference

CLASSES = parse_classes(["trouser", "shirt", "boot: ankle boot", "bag"])
PROMPTS = ["an image of a trouser", "an image of a shirt", "an image of an ankle boot"]
PROMPTS = [*PROMPTS, "an image of a bag"]
SKETCHES = [prompt.replace("an image", "a sketch") for prompt in PROMPTS]
SEED = 11


@pytest.fixture(scope="module")
def classifier_of(tiny_model):
    """A function that gives a family's classifier in float32."""

    @functools.cache
    def make(family, stages="5:1", **changes):
        folder = TINY_FASHION if family == "embedded" else tiny_model(family)
        settings = {"precision": "fp32", "batch_size": 16, **changes}
        return DiffusionClassifier(
            CLASSES,
            model=str(folder),
            stages=parse_stages(stages),
            device="cpu",
            seed=SEED,
            **settings,
        )

    return make


@pytest.fixture(scope="module")
def images():
    """A function that gives real images of a size."""
    return lambda count, side: load_images(FASHION_MNIST_TEST, side).images[:count]


class PlainLoop:
    """The published method's loop, an image and a class at a time."""

    def __init__(self, folder):
        self.pipeline = pipeline_of(folder)
        self.scheduler = DDIMScheduler.from_config(self.pipeline.scheduler.config)
        self.is_v = self.scheduler.config.prediction_type == "v_prediction"

    def latents(self, image):
        pixels = self.pipeline.image_processor.preprocess(
            image.permute(2, 0, 1)[None].float() / 255
        )
        vae = self.pipeline.vae
        return vae.encode(pixels).latent_dist.mode() * vae.config.scaling_factor

    def conditions(self, prompt):
        given = {"device": "cpu", "num_images_per_prompt": 1, "do_classifier_free_guidance": False}
        embeddings, _, *pooled = self.pipeline.encode_prompt(prompt=prompt, **given)
        if not pooled:
            return {"encoder_hidden_states": embeddings}
        side = self.pipeline.unet.config.sample_size * self.pipeline.vae_scale_factor
        added = {
            "text_embeds": pooled[0],
            "time_ids": torch.tensor([[side, side, 0, 0, side, side]]),
        }
        return {"encoder_hidden_states": embeddings, "added_cond_kwargs": added}

    def error(self, latents, seed, timestep, prompt, norm):
        """How far off the noise is; that of v is `sqrt(alpha)` times as far off."""
        noise = philox_normal_reference(torch.tensor([seed]), latents.shape[1:], timestep)
        t = torch.tensor([timestep])
        noised = self.scheduler.add_noise(latents, noise, t)
        output = self.pipeline.unet(noised, t, **self.conditions(prompt)).sample
        target = self.scheduler.get_velocity(latents, noise, t) if self.is_v else noise
        scale = self.scheduler.alphas_cumprod[timestep] ** 0.5 if self.is_v else 1.0
        missed = scale * (output - target)
        return float(missed.abs().mean() if norm == "l1" else missed.square().mean())

    @torch.inference_mode()
    def __call__(self, image, index, stages, templates, norm="l1"):
        """The class, and the mean error of each class."""
        latents, seed = self.latents(image), seed63(SEED, index, Stream.NOISE)
        errors = {label: [] for label in range(len(CLASSES))}
        left, turn = list(errors), 0
        for timesteps, keep in stages:
            for timestep in timesteps:
                for label in left:
                    prompt = templates[turn % len(templates)][label]
                    errors[label].append(self.error(latents, seed, timestep, prompt, norm))
                turn += 1
            left = sorted(left, key=lambda label: sum(errors[label]))[:keep]
        return left[0], [sum(some) / len(some) for some in errors.values()]


def folder_of(family, tiny_model):
    return TINY_FASHION if family == "embedded" else tiny_model(family)


@pytest.mark.parametrize(
    ("family", "options"),
    [
        ("sd15", {}),
        ("sd21", {}),
        ("sd21", {"norm": "l2"}),
        ("sdxl", {}),
        ("embedded", {"template": ("an image of a {class}", "a sketch of a {class}")}),
    ],
)
def test_errors_and_classes_are_those_of_a_plain_loop(
    classifier_of, tiny_model, images, family, options
):
    classifier = classifier_of(family, "2:2,3:1", **options)
    given = images(5, classifier.image_size)
    found = classifier(given)
    loop = PlainLoop(folder_of(family, tiny_model))
    templates = [PROMPTS, SKETCHES] if "template" in options else [PROMPTS]
    stages = [([300, 700], 2), ([100, 500, 900], 1)]
    for index, image in enumerate(given):
        label, errors = loop(image, index, stages, templates, options.get("norm", "l1"))
        assert found.labels[index] == label
        torch.testing.assert_close(found.errors[index], torch.tensor(errors), rtol=1e-3, atol=1e-5)
    assert found.evaluations == 5 * (2 * 4 + 3 * 2)


def test_batches_and_order_change_nothing_but_rounding(classifier_of, images, monkeypatch):
    classifier = classifier_of("embedded", "2:2,3:1")
    given = images(7, 32)
    expected = classifier(given)
    backwards = classifier(given.flip(0), range(6, -1, -1))
    assert torch.equal(backwards.labels.flip(0), expected.labels)
    torch.testing.assert_close(backwards.errors.flip(0), expected.errors, rtol=1e-4, atol=1e-6)
    for batch_size in (1, 3):
        monkeypatch.setattr(classifier, "batch_size", batch_size)
        found = list(classifier.blocks(given))
        assert [len(block) for block in found] == {1: [1] * 7, 3: [3, 3, 1]}[batch_size]
        errors = torch.cat([block.errors for block in found])
        torch.testing.assert_close(errors, expected.errors, rtol=1e-4, atol=1e-6)
        assert sum(block.evaluations for block in found) == expected.evaluations


def test_other_indices_and_seeds_have_other_noise(classifier_of, images):
    classifier = classifier_of("embedded")
    given = images(2, 32)
    errors = classifier(given).errors
    assert (classifier(given, [2, 3]).errors - errors).abs().min() > 1e-5


def test_few_images_fill_a_batch_with_several_of_their_classes(classifier_of, images, monkeypatch):
    classifier = classifier_of("embedded", "1:1")
    denoise, sizes = classifier._engines.denoise, []

    def counting(inputs):
        sizes.append(len(inputs["latents"]))
        return denoise(inputs)

    monkeypatch.setattr(
        classifier._errors, "_engines", replace(classifier._engines, denoise=counting)
    )
    classifier(images(5, 32))
    assert sizes == [15, 5]  # of 16 at most


def test_only_candidates_are_tried(classifier_of, images):
    classifier = classifier_of("embedded", "2:2,3:1")
    candidates = torch.tensor([[2, 0, 3], [1, 3, 0]])
    found = classifier(images(2, 32), candidates=candidates)
    assert found.errors.isnan().tolist() == [
        [False, True, False, False],
        [False, False, True, False],
    ]
    assert found.evaluations == 2 * (2 * 3 + 3 * 2)
    everywhere = classifier(images(2, 32), candidates=torch.tensor([[0, 1, 2, 3]] * 2))
    assert everywhere.evaluations == 2 * (2 * 4 + 3 * 2)


def test_one_class_that_is_left_is_tried_no_more(classifier_of, images):
    found = classifier_of("embedded", "2:1,3:1")(images(3, 32))
    assert found.evaluations == 3 * 2 * 4
    assert torch.equal(found.labels, found.errors.argmin(dim=1))


def test_what_does_not_fit_is_tried_again_in_halves(classifier_of, images, monkeypatch, caplog):
    classifier = classifier_of("embedded", "1:1")
    expected, errors = classifier(images(5, 32)), classifier._errors

    def failing(latents, *rest):
        if len(latents) > 4:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return errors(latents, *rest)

    monkeypatch.setattr(classifier, "_errors", failing)
    monkeypatch.setattr(classifier, "batch_size", 16)
    assert [len(block) for block in classifier.blocks(images(5, 32))] == [4, 1]
    assert torch.equal(classifier(images(5, 32)).labels, expected.labels)
    assert (
        "16 evaluations at once do not fit into the memory of cpu: going on with 8" in caplog.text
    )


def test_an_error_that_is_not_finite_is_told(classifier_of, images, monkeypatch):
    classifier = classifier_of("embedded", "1:1")
    monkeypatch.setattr(
        classifier, "_errors", lambda latents, seeds, level, left, _: left * math.nan
    )
    with pytest.raises(InputError, match="not finite in float32: choose another precision"):
        classifier(images(1, 32))


@pytest.mark.parametrize("shape", [(0, 32, 32, 3), (2, 28, 28, 3), (2, 3, 32, 32)])
def test_images_of_another_kind_are_refused(classifier_of, shape):
    with pytest.raises(InputError, match=r"torch.uint8 \[N, 32, 32, 3\] is needed"):
        classifier_of("embedded")(torch.zeros(shape, dtype=torch.uint8))


def test_one_class_is_refused():
    with pytest.raises(InputError, match="there are 1 classes to decide among: give at least 2"):
        DiffusionClassifier(CLASSES[:1], device="cpu")


@pytest.mark.parametrize("family", ["sd-turbo", "lcm"])
def test_few_step_models_are_refused(tiny_model, family):
    with pytest.raises(InputError, match=f"{family}' holds a few-step model, which learnt few"):
        DiffusionClassifier(CLASSES, model=str(tiny_model(family)), device="cpu")


@pytest.mark.slow
def test_exported_graphs_give_the_errors_of_pytorch(classifier_of, images, encoder_export):
    expected = classifier_of("sd15", "2:2,3:1")
    exported = DiffusionClassifier(
        CLASSES,
        model=str(encoder_export.folder),
        engine="onnxruntime",
        stages=parse_stages("2:2,3:1"),
        device="cpu",
        seed=SEED,
        batch_size=16,
    )
    given = images(5, expected.image_size)
    wanted, found = expected(given), exported(given)
    assert exported._engines.backend == "onnxruntime"
    assert exported._engines.vae_decoder is None
    assert torch.equal(found.labels, wanted.labels)
    torch.testing.assert_close(found.errors, wanted.errors, rtol=1e-3, atol=1e-5)


def test_a_few_step_export_is_refused(tiny_export):
    folder = tiny_export("lcm", "fp16").folder
    with pytest.raises(InputError, match="holds a few-step model, which learnt few"):
        DiffusionClassifier(CLASSES, model=str(folder), engine="onnxruntime", device="cpu")


def test_real_garments_are_told_apart(images):
    """Chance is 10 %."""
    classes = parse_classes(EMBEDDED_CLASSES)
    real = load_images(FASHION_MNIST_TEST, 32, [item.name for item in classes])
    classifier = DiffusionClassifier(classes, device="cpu", stages=parse_stages("3:4,5:1"))
    found = classifier(real.images[:80])
    assert (found.labels == real.labels[:80]).float().mean() > 0.75
