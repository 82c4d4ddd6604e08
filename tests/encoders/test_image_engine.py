"""The image encoder on other engines, against PyTorch's."""

from dataclasses import replace

import pytest
import torch
from tiny_encoders import pictures

from zeroreal.base import InputError
from zeroreal.encoders import image_engine, load_encoder
from zeroreal.engine import Cache

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return Cache(tmp_path_factory.mktemp("engines"))


@pytest.fixture
def folder_of(saved, saved_open_clip):
    """A function that gives the folder of a model of one kind."""
    return lambda kind: saved_open_clip("coca") if kind == "coca" else saved(kind)


@pytest.mark.parametrize("kind", ["clip", "coca"])
def test_onnx_runtime_gives_the_vectors_of_pytorch(folder_of, cache, kind):
    images = pictures(side=48)
    expected = load_encoder(folder_of(kind), CPU).embed_images(images)
    found = load_encoder(folder_of(kind), CPU, "onnxruntime", cache)
    torch.testing.assert_close(found.embed_images(images), expected, rtol=1e-4, atol=1e-5)
    one = found.embed_images(images[:1])
    torch.testing.assert_close(one, expected[:1], rtol=1e-4, atol=1e-5)


def test_it_is_exported_once_for_the_same_weights(saved, cache, monkeypatch):
    first = load_encoder(saved("clip"), CPU, "onnxruntime", cache)
    monkeypatch.setattr(image_engine, "_export", None)
    second = load_encoder(saved("clip"), CPU, "onnxruntime:cpu", cache)
    images = pictures(side=32)
    assert torch.equal(first.embed_images(images), second.embed_images(images))
    assert not any(entry.problem for entry in cache.verify())


def test_texts_are_embedded_as_before(saved, cache):
    texts = ["a photo of a coat", "the bag"]
    expected = load_encoder(saved("clip"), CPU).embed_texts(texts)
    found = load_encoder(saved("clip"), CPU, "onnxruntime", cache)
    assert torch.equal(found.embed_texts(texts), expected)


def test_a_network_of_patches_is_refused(saved, cache):
    with pytest.raises(
        InputError, match="pixel_attention_mask, pixel_values, spatial_shapes, not im"
    ):
        load_encoder(saved("siglip2"), CPU, "onnxruntime", cache)


def test_what_the_exporter_cannot_take_is_told(saved, tmp_path, monkeypatch):
    def fail(*_):
        raise RuntimeError("outer") from TypeError("no such operator")

    monkeypatch.setattr(image_engine, "write_onnx", fail)
    with pytest.raises(InputError, match=r"cannot be exported \(no such operator\): leave the eng"):
        load_encoder(saved("clip"), CPU, "onnxruntime", Cache(tmp_path))


def test_a_graph_that_is_not_exact_is_not_kept(saved, tmp_path, monkeypatch):
    case, cache = image_engine._case, Cache(tmp_path)

    def other(*arguments):
        made = case(*arguments)
        return replace(made, expected={"vectors": 1.01 * made.expected["vectors"]})

    monkeypatch.setattr(image_engine, "_case", other)
    with pytest.raises(InputError, match=r"cannot be exported .*differs from PyTorch by 0\.0"):
        load_encoder(saved("clip"), CPU, "onnxruntime", cache)
    assert cache.entries() == []


@pytest.mark.parametrize(
    ("engine", "complaint"),
    [
        ("tensorrt", "engine 'tensorrt' runs no dual encoders: choose torch"),
        ("onyx", "unknown engine 'onyx'"),
        ("torch:fast", "unknown variant of engine torch 'fast'"),
    ],
)
def test_engines_that_run_no_encoders_are_refused_before_loading(engine, complaint):
    with pytest.raises(InputError, match=complaint):
        load_encoder("/no/such", CPU, engine)
