"""Decoders other than the model's own, against `diffusers`' decoding with them."""

import json
import shutil
from dataclasses import replace

import pytest
import torch
from diffusers import AutoencoderTiny

from zeroreal.assets import TINY_FASHION
from zeroreal.base import InputError
from zeroreal.engine import Cache, OnnxRuntimeEngine
from zeroreal.export import EngineChoice, ExportSettings
from zeroreal.export.engines.load import load_engines
from zeroreal.export.model.model_info import read_model_info
from zeroreal.export.model.parts import PartsChoice
from zeroreal.export.model.source_digest import source_digest
from zeroreal.export.model.vae_folder import find_vae
from zeroreal.export.onnx.exporter import _Export

CPU = torch.device("cpu")
CHOICE = EngineChoice("torch", None, CPU, "fp32", batch_size=4)
INFO = read_model_info(TINY_FASHION)


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path / "cache")


@pytest.fixture(scope="module")
def taesd(tmp_path_factory):
    """The folder of an `AutoencoderTiny` with random weights for the embedded model's latents."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("taesd")
    channels, blocks = (8, 8, 8), (1, 1, 1)
    vae = AutoencoderTiny(
        encoder_block_out_channels=channels,
        decoder_block_out_channels=channels,
        num_encoder_blocks=blocks,
        num_decoder_blocks=blocks,
    )
    vae.save_pretrained(folder)
    return folder


def latents(batch=3, side=8):
    return torch.randn(batch, 4, side, side, generator=torch.Generator().manual_seed(1)) * 2


def decoded_by_diffusers(folder, given):
    """As a pipeline does it: latents over the scaling factor, which is 1 for TAESD."""
    vae = AutoencoderTiny.from_pretrained(folder)
    with torch.inference_mode():
        return vae.decode(given / vae.config.scaling_factor).sample


def test_the_small_decoder_of_the_embedded_model_decodes_as_diffusers_does(cache):
    engines = load_engines(TINY_FASHION, replace(CHOICE, parts=PartsChoice(vae="tiny")), cache)
    expected = decoded_by_diffusers(TINY_FASHION / "tiny_vae", latents())
    found = engines.vae_decoder({"latents": latents()})["images"]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_the_small_decoder_gives_about_the_images_of_the_large_one(cache):
    """Latents that the model makes of its own: noise has none of their structure."""
    from diffusers import StableDiffusionPipeline

    pipeline = StableDiffusionPipeline.from_pretrained(TINY_FASHION)
    pipeline.set_progress_bar_config(disable=True)
    prompts = ["a photo of a coat", "a photo of a sandal", "a poster of a bag"]
    given = pipeline(
        prompts,
        num_inference_steps=6,
        output_type="latent",
        generator=torch.Generator().manual_seed(0),
    ).images
    with torch.inference_mode():
        large = pipeline.vae.decode(given / pipeline.vae.config.scaling_factor).sample
    engines = load_engines(TINY_FASHION, replace(CHOICE, parts=PartsChoice(vae="tiny")), cache)
    small = engines.vae_decoder({"latents": given})["images"]
    mean = large.mean((2, 3), keepdim=True)
    assert (small - large).abs().mean() < 0.2 * (large - mean).abs().mean()


def test_another_folder_decodes_in_place_of_the_models_own_vae(cache, taesd):
    engines = load_engines(TINY_FASHION, replace(CHOICE, parts=PartsChoice(vae=str(taesd))), cache)
    found = engines.vae_decoder({"latents": latents()})["images"]
    torch.testing.assert_close(found, decoded_by_diffusers(taesd, latents()), rtol=1e-4, atol=1e-4)


def test_an_exported_small_decoder_decodes_as_diffusers_does(tmp_path):
    settings = ExportSettings(parts=PartsChoice(vae="tiny"))
    graph = _Export(TINY_FASHION, settings, lambda progress: None, None)._graph(
        "vae_decoder", tmp_path
    )
    engine = OnnxRuntimeEngine(graph.file, CPU)
    expected = decoded_by_diffusers(TINY_FASHION / "tiny_vae", latents())
    found = engine({"latents": latents()})["images"]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_an_export_says_with_which_vae(cache, taesd):
    """What the cache keys exports by: two decoders never share one."""
    folders = [find_vae(TINY_FASHION, INFO, name) for name in ("tiny", str(taesd), None)]
    digests = [source_digest(TINY_FASHION, vae=folder) for folder in folders]
    assert len(set(digests)) == 3
    assert digests[-1] == source_digest(TINY_FASHION)


def test_an_exported_folder_keeps_its_decoder(tiny_export, cache):
    choice = replace(CHOICE, backend="onnxruntime", parts=PartsChoice(vae="tiny"))
    with pytest.raises(InputError, match=r"VAE 'tiny' was asked for, .* when it was exported"):
        load_engines(tiny_export("sd15", "fp32").folder, choice, cache)


def test_a_model_without_a_small_decoder_says_so(tiny_model, cache):
    with pytest.raises(InputError, match=r"VAE 'tiny' was asked for, model folder .* has none"):
        load_engines(tiny_model("sd15"), replace(CHOICE, parts=PartsChoice(vae="tiny")), cache)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"_class_name": "AutoencoderDC"}, "holds a AutoencoderDC: AutoencoderKL or AutoencoderT"),
        (
            {"latent_channels": 16},
            "of 16 channels to 4x4 pixels each, the model makes latents of 4",
        ),
        ({"decoder_block_out_channels": [8, 8]}, "of 4 channels to 2x2 pixels each, the model"),
        (
            {"latent_channels": "4"},
            "has '4' as 'latent_channels': input should be a valid integer",
        ),
    ],
)
def test_a_vae_for_other_latents_is_refused(taesd, tmp_path, changes, complaint):
    folder = shutil.copytree(taesd, tmp_path / "vae")
    config = {**json.loads((folder / "config.json").read_text()), **changes}
    kept = {name: value for name, value in config.items() if value is not None}
    (folder / "config.json").write_text(json.dumps(kept))
    with pytest.raises(InputError) as caught:
        find_vae(TINY_FASHION, INFO, str(folder))
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_damaged_or_absent_vae_is_named(taesd, tmp_path):
    with pytest.raises(InputError, match=r"VAE folder 'nowhere' does not exist.*leave it out"):
        find_vae(TINY_FASHION, INFO, "nowhere")
    folder = shutil.copytree(taesd, tmp_path / "vae")
    weights = folder / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-8])
    with pytest.raises(InputError, match="truncated or damaged"):
        find_vae(TINY_FASHION, INFO, str(folder))
