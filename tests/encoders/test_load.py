"""Folders that are no dual encoders, or damaged ones, get one sentence."""

import json
import os
import shutil
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file

from zeroreal.assets import TINY_FASHION
from zeroreal.base import InputError
from zeroreal.encoders import encoder_statuses, load_encoder

CPU = torch.device("cpu")


@pytest.fixture
def copy(saved, tmp_path):
    """A copy of a CLIP model's folder, to damage."""
    return shutil.copytree(saved("clip"), tmp_path / "copy")


def change(path, **values):
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_a_missing_folder_is_named_with_what_there_is():
    with pytest.raises(InputError, match="encoder folder '/no/such' does not exist") as raised:
        load_encoder("/no/such", CPU)
    assert "transformers or open_clip" in str(raised.value)
    assert "'embedded'" in str(raised.value)


def test_a_folder_of_another_kind_is_refused():
    with pytest.raises(InputError, match=r"has neither config\.json, of transformers, nor"):
        load_encoder(TINY_FASHION, CPU)


def test_another_model_of_the_library_is_refused(copy):
    change(copy / "config.json", model_type="bert")
    with pytest.raises(InputError, match=r"model type .* 'bert'.*known are align, altclip"):
        load_encoder(copy, CPU)


def test_weights_that_are_only_pickle_are_refused(copy):
    (copy / "model.safetensors").rename(copy / "pytorch_model.bin")
    with pytest.raises(InputError, match="has its weights only as pickle"):
        load_encoder(copy, CPU)


def test_weights_that_are_cut_off_are_refused(copy):
    weights = copy / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(InputError, match="truncated or damaged"):
        load_encoder(copy, CPU)


def test_weights_that_lack_a_tensor_are_refused(copy):
    tensors = load_file(copy / "model.safetensors")
    tensors.pop("visual_projection.weight")
    save_file(tensors, copy / "model.safetensors", {"format": "pt"})
    with pytest.raises(InputError, match=r"lacks tensor 'visual_projection\.weight' for the CLIPM"):
        load_encoder(copy, CPU)


def test_weights_that_are_not_finite_are_refused(copy):
    tensors = load_file(copy / "model.safetensors")
    tensors["visual_projection.weight"][0, 0] = float("nan")
    save_file(tensors, copy / "model.safetensors", {"format": "pt"})
    with pytest.raises(InputError, match="a vector for an image that is not finite"):
        load_encoder(copy, CPU)


@pytest.mark.parametrize(
    ("missing", "message"),
    [("tokenizer.json", "has no tokenizer"), ("preprocessor_config.json", "cannot be loaded")],
)
def test_a_folder_that_is_not_whole_is_refused(copy, missing, message):
    (copy / missing).unlink()
    with pytest.raises(InputError, match=message):
        load_encoder(copy, CPU)


@pytest.mark.parametrize("name", ["vocab.json", "additional_chat_templates/x.jinja"])
def test_a_pipe_in_its_folder_is_said(copy, name, no_hang):
    (copy / name).parent.mkdir(exist_ok=True)
    os.mkfifo(copy / name)
    with pytest.raises(InputError, match=rf"{name}' is a pipe and not a file"):
        load_encoder(copy, CPU)


@pytest.mark.parametrize(
    ("part", "field", "value"),
    [
        ("text_config", "num_hidden_layers", 10**6),
        ("vision_config", "patch_size", -1),
        ("text_config", "layer_norm_eps", None),
        ("vision_config", "layer_norm_eps", None),
    ],
)
def test_an_absurd_configuration_is_refused(copy, part, field, value, no_hang):
    path = copy / "config.json"
    content = json.loads(path.read_text())
    change(path, **{part: {**content[part], field: value}})
    with pytest.raises(InputError, match=rf"config.json' has {value} as '{part}.{field}'"):
        load_encoder(copy, CPU)


def test_a_special_token_that_its_model_does_not_know_is_refused(copy):
    change(copy / "tokenizer_config.json", eos_token="-1")
    with pytest.raises(InputError, match="has '-1' as a special token, which is not in its vocab"):
        load_encoder(copy, CPU)


def test_images_of_another_size_than_the_model_s_are_told(copy):
    sides = {"shortest_edge": 48}, {"height": 48, "width": 48}
    change(copy / "preprocessor_config.json", size=sides[0], crop_size=sides[1])
    with pytest.raises(InputError, match=r"cannot be loaded .*48"):
        load_encoder(copy, CPU)


def test_code_beside_a_model_is_not_run(copy, tmp_path):
    (copy / "tok.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    kinds = {"tokenizer_config": "Tokenizer", "preprocessor_config": "ImageProcessor"}
    for name, kind in kinds.items():
        change(copy / f"{name}.json", auto_map={f"Auto{kind}": ["tok.A", "tok.A"]})
    load_encoder(copy, CPU)
    assert not (tmp_path / "ran").exists()


def test_siglip_s_tokenizer_is_not_replaced_by_another(copy, monkeypatch):
    monkeypatch.setitem(sys.modules, "sentencepiece", None)
    monkeypatch.setattr("zeroreal.encoders.transformers_folder.find_spec", lambda name: None)
    change(copy / "tokenizer_config.json", tokenizer_class="SiglipTokenizer")
    with pytest.raises(InputError, match=r"SigLIP's tokenizer, and sentencepiece is not installed"):
        load_encoder(copy, CPU)


def test_the_kinds_and_what_they_lack_are_listed(monkeypatch):
    monkeypatch.setitem(sys.modules, "open_clip", None)  # importing it fails
    monkeypatch.setattr("zeroreal.encoders.transformers_folder.find_spec", lambda name: None)
    statuses = {status.name: status for status in encoder_statuses()}
    assert statuses["clip"].usable
    assert "sentencepiece is not installed" in statuses["siglip"].not_supported_reasons[0]
    assert "pip install 'zeroreal[encoders]'" in statuses["open_clip"].not_supported_reasons[0]


@pytest.mark.parametrize("images", [torch.zeros(2, 32, 32, 3), torch.zeros(3, 32, 32).byte()])
def test_images_of_another_kind_are_refused(saved, images):
    encoder = load_encoder(saved("clip"), CPU)
    with pytest.raises(InputError, match=r"images are torch\..*: torch.uint8 \[N, H, W, 3\] is"):
        encoder.embed_images(images)


def test_no_images_and_no_texts_are_no_vectors(saved):
    encoder = load_encoder(saved("clip"), CPU)
    assert encoder.embed_images(torch.zeros(0, 32, 32, 3).byte()).shape == (0, encoder.dimension)
    assert encoder.embed_texts([]).shape == (0, encoder.dimension)
