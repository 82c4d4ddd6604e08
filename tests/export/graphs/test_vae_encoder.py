"""The VAE encoder as a graph, against `diffusers`' own pipelines and against the decoder."""

import json
import shutil
from dataclasses import replace

import pytest
import torch
from diffusers import StableDiffusionXLImg2ImgPipeline
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from pipelines import pipeline_of

from zeroreal.assets import FASHION_MNIST_TEST, TINY_FASHION
from zeroreal.base import InputError
from zeroreal.data import load_images
from zeroreal.engine import Cache
from zeroreal.export import EngineChoice, ExportSettings, export_model
from zeroreal.export.engines.load import load_engines
from zeroreal.export.model.parts import PartsChoice

CHOICE = EngineChoice("torch", None, torch.device("cpu"), "fp32", batch_size=4, encodes=True)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return Cache(tmp_path_factory.mktemp("engines"))


@pytest.fixture(scope="module")
def sdxl_with_statistics(tiny_model, tmp_path_factory):
    """The tiny SDXL with a mean and a deviation of each channel of its latents."""
    folder = tmp_path_factory.mktemp("models") / "sdxl"
    shutil.copytree(tiny_model("sdxl"), folder)
    path = folder / "vae" / "config.json"
    statistics = {"latents_mean": [0.1, -0.2, 0.3, 0.0], "latents_std": [1.5, 2.0, 0.5, 1.0]}
    path.write_text(json.dumps({**json.loads(path.read_text()), **statistics}))
    return folder


def noise_images(count, side):
    generator = torch.Generator().manual_seed(5)
    return torch.randint(0, 256, (count, side, side, 3), generator=generator, dtype=torch.uint8)


def as_diffusers_takes_them(pipeline, images):
    return pipeline.image_processor.preprocess(images.permute(0, 3, 1, 2).float() / 255)


@pytest.mark.parametrize("family", ["sd15", "sd21", "embedded"])
def test_latents_are_the_mode_as_the_unet_knows_it(cache, tiny_model, family):
    folder = TINY_FASHION if family == "embedded" else tiny_model(family)
    encoder = load_engines(folder, CHOICE, cache).vae_encoder
    images = noise_images(3, encoder.spec.inputs[0].shape[1])
    pipeline = pipeline_of(folder)
    with torch.inference_mode():
        posterior = pipeline.vae.encode(as_diffusers_takes_them(pipeline, images)).latent_dist
    expected = posterior.mode() * pipeline.vae.config.scaling_factor
    torch.testing.assert_close(
        encoder({"images": images})["latents"], expected, rtol=1e-4, atol=1e-4
    )


def test_sdxl_heeds_the_statistics_of_its_latents(cache, sdxl_with_statistics, monkeypatch):
    encoder = load_engines(sdxl_with_statistics, CHOICE, cache).vae_encoder
    pipeline = StableDiffusionXLImg2ImgPipeline(**pipeline_of(sdxl_with_statistics).components)
    images = noise_images(2, encoder.spec.inputs[0].shape[1])
    monkeypatch.setattr(DiagonalGaussianDistribution, "sample", lambda self, generator: self.mode())
    given = as_diffusers_takes_them(pipeline, images)
    with torch.inference_mode():
        expected = pipeline.prepare_latents(
            given, None, 2, 1, torch.float32, torch.device("cpu"), add_noise=False
        )
    found = encoder({"images": images})["latents"]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_a_real_image_comes_back_out_of_the_decoder(cache):
    engines = load_engines(TINY_FASHION, CHOICE, cache)
    images = load_images(FASHION_MNIST_TEST, 32).images[:4]
    latents = engines.vae_encoder({"images": images})["latents"]
    decoded = engines.vae_decoder({"latents": latents})["images"].permute(0, 2, 3, 1)
    assert ((decoded + 1) * 127.5 - images).abs().mean() < 10


def test_it_is_loaded_only_where_it_is_asked_for(cache):
    assert load_engines(TINY_FASHION, replace(CHOICE, encodes=False), cache).vae_encoder is None


def test_a_decoder_that_is_not_asked_for_is_not_loaded(cache, encoder_export):
    choice = replace(CHOICE, decodes=False)
    assert load_engines(TINY_FASHION, choice, cache).vae_decoder is None
    exported = load_engines(encoder_export.folder, replace(choice, backend="onnxruntime"), cache)
    assert exported.vae_decoder is None
    assert exported.vae_encoder is not None


def test_nor_is_it_exported(cache, tiny_model, monkeypatch):
    asked = []

    def export(partial, folder, settings, on_progress, record_steps):
        asked.append(settings.graphs)
        raise InterruptedError

    monkeypatch.setattr("zeroreal.export.engines.model_export._export_into", export)
    for decodes in (False, True):
        choice = replace(CHOICE, backend="onnxruntime", decodes=decodes)
        with pytest.raises(InterruptedError):
            load_engines(tiny_model("sd15"), choice, cache)
    kept = ("text_encoder", "denoise")
    assert asked == [(*kept, "vae_encoder"), (*kept, "vae_decoder", "vae_encoder")]


def test_an_exported_encoder_gives_the_latents_of_pytorch(cache, tiny_model, encoder_export):
    images = noise_images(3, 16)
    expected = load_engines(tiny_model("sd15"), CHOICE, cache).vae_encoder({"images": images})
    engines = load_engines(encoder_export.folder, replace(CHOICE, backend="onnxruntime"), cache)
    found = engines.vae_encoder({"images": images})["latents"]
    torch.testing.assert_close(found, expected["latents"], rtol=1e-4, atol=1e-4)
    assert {error.output for error in encoder_export.graphs["vae_encoder"].errors} == {"latents"}


def test_an_export_without_it_says_how_to_get_it(cache, tiny_export):
    folder, choice = tiny_export("sd15", "fp32").folder, replace(CHOICE, backend="onnxruntime")
    with pytest.raises(InputError, match="without the VAE encoder, which classifying takes: exp"):
        load_engines(folder, choice, cache)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"any_size": True}, "the VAE encoder is exported for one size, and any size was asked"),
        ({"parts": PartsChoice(vae="tiny")}, "AutoencoderTiny, whose encoder may never have been"),
    ],
)
def test_exports_that_cannot_have_it_are_refused(tmp_path, changes, complaint):
    settings = ExportSettings(encodes=True, **changes)
    with pytest.raises(InputError, match=complaint):
        export_model(TINY_FASHION, tmp_path / "out", settings)


def test_a_vae_that_only_decodes_is_refused(cache):
    choice = replace(CHOICE, parts=PartsChoice(vae="tiny"))
    with pytest.raises(InputError, match="AutoencoderTiny, whose encoder may never have been"):
        load_engines(TINY_FASHION, choice, cache)
