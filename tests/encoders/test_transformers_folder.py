"""Vectors and logits are those of transformers' own models with their own processors."""

import pytest
import torch
import transformers
from PIL import Image
from tiny_encoders import FAMILIES, pictures

from zeroreal.encoders import load_encoder

CPU = torch.device("cpu")
TEXTS = ["a photo of a coat", "the bag", "an ankle boot"]
PADDED = {"siglip": 40, "siglip2": 40, "align": 64}  # as their documentation says


def reference(kind, folder, images):
    """What the library gives for single pictures of Pillow."""
    processor = transformers.AutoImageProcessor.from_pretrained(folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    how = {"padding": True}
    if kind in PADDED:
        how = {"padding": "max_length", "max_length": PADDED[kind]}
    (name,) = transformers.AutoConfig.from_pretrained(folder).architectures
    inputs = {
        **processor([Image.fromarray(image.numpy()) for image in images], return_tensors="pt"),
        **tokenizer(TEXTS, return_tensors="pt", **how),
    }
    with torch.no_grad():
        return getattr(transformers, name).from_pretrained(folder).eval()(**inputs)


@pytest.fixture(params=FAMILIES)
def kind(request):
    if request.param == "siglip":
        pytest.importorskip("sentencepiece")
    return request.param


@pytest.mark.parametrize("side", [32, 48])
def test_vectors_and_logits_are_the_library_s(saved, kind, side):
    images = pictures(side=side)
    expected = reference(kind, saved(kind), images)
    encoder = load_encoder(saved(kind), CPU)
    image, text = encoder.embed_images(images), encoder.embed_texts(TEXTS)
    assert (image.dtype, text.dtype) == (torch.float32, torch.float32)
    assert image.shape == (5, encoder.dimension)
    normal = torch.nn.functional.normalize
    torch.testing.assert_close(image, normal(expected.image_embeds), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(text, normal(expected.text_embeds), atol=1e-5, rtol=1e-4)
    logits = encoder.scale * image @ text.T + encoder.bias
    torch.testing.assert_close(logits, expected.logits_per_image, atol=1e-3, rtol=1e-4)
    assert logits.std(0).max() > 1e-3  # neither the same for all images
    assert logits.std(1).max() > 1e-3  # nor for all texts


def test_what_is_told_of_it(saved, kind):
    encoder = load_encoder(saved(kind), CPU)
    assert (encoder.kind, encoder.image_size, encoder.dtype) == (kind, 32, torch.float32)
    assert encoder.is_sigmoid == (kind in ("siglip", "siglip2"))
    assert (encoder.bias != 0) == encoder.is_sigmoid
    lengths = {"clip": 32, "metaclip_2": 40, "altclip": 36, "chinese_clip": 24, **PADDED}
    assert encoder.context_length == lengths[kind]


def test_texts_beyond_the_context_end_there_and_are_told_of_once(saved, kind, caplog):
    encoder = load_encoder(saved(kind), CPU)
    long = "the coat and the bag and the dress and " * 10
    vectors = encoder.embed_texts([long, long + "the ankle boot", "the bag"])
    torch.testing.assert_close(vectors[0], vectors[1])
    assert vectors.isfinite().all()
    assert (caplog.text.count("are longer than the"), encoder.long_texts) == (1, 2)
    assert f"2 of 3 texts are longer than the {encoder.context_length} tokens" in caplog.text
    encoder.embed_texts([long])
    assert (caplog.text.count("are longer than the"), encoder.long_texts) == (1, 3)
