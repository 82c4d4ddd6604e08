"""Vectors and logits are those of open_clip's own models with their own transforms."""

import json
import shutil

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from tiny_encoders import OPEN_CLIP, pictures

from zeroreal.base import InputError
from zeroreal.encoders import load_encoder

open_clip = pytest.importorskip("open_clip")
CPU = torch.device("cpu")
TEXTS = ["a photo of a coat", "the bag", "an ankle boot, seen from the side"]
CONFIG, WEIGHTS = "open_clip_config.json", "open_clip_model.safetensors"


@pytest.fixture
def changed(saved_open_clip, tmp_path):
    """A function that gives a copy of the folder of CLIP with its configuration changed."""

    def change(kind="clip", **parts):
        folder = shutil.copytree(saved_open_clip(kind), tmp_path / "changed")
        content = json.loads((folder / CONFIG).read_text())
        for part, values in parts.items():
            content["model_cfg"][part] |= values
        (folder / CONFIG).write_text(json.dumps(content))
        return folder

    return change


@pytest.mark.parametrize("kind", OPEN_CLIP)
@pytest.mark.parametrize("side", [32, 48])
def test_vectors_and_logits_are_the_library_s(saved_open_clip, kind, side):
    images, folder = pictures(side=side), saved_open_clip(kind)
    model, transform = open_clip.create_model_from_pretrained(f"local-dir:{folder}")
    model.eval()
    pixels = torch.stack([transform(Image.fromarray(image.numpy())) for image in images])
    with torch.no_grad():
        expected_image = model.encode_image(pixels, normalize=True)
        tokens = open_clip.get_tokenizer(f"local-dir:{folder}")(TEXTS)
        expected_text = model.encode_text(tokens, normalize=True)
    encoder = load_encoder(folder, CPU)
    image, text = encoder.embed_images(images), encoder.embed_texts(TEXTS)
    # Of resized pictures, a pixel in a hundred can differ by one level.
    near = {"atol": 1e-3, "rtol": 0} if side != 32 else {"atol": 1e-5, "rtol": 1e-4}
    torch.testing.assert_close(image, expected_image, **near)
    torch.testing.assert_close(text, expected_text, atol=1e-5, rtol=1e-4)
    assert encoder.scale == pytest.approx(model.logit_scale.exp().item())
    assert encoder.is_sigmoid == (kind == "clip with a bias")
    assert encoder.bias == (model.logit_bias.item() if encoder.is_sigmoid else 0)
    assert encoder.image_size == 32
    assert image.std(0).max() > 1e-3
    assert text.std(0).max() > 1e-3


def test_texts_beyond_the_context_are_counted(saved_open_clip, caplog):
    encoder = load_encoder(saved_open_clip("clip"), CPU)
    encoder.embed_texts(["coat " * 15, "coat " * 14])
    assert "1 of 2 texts are longer than the 16 tokens" in caplog.text
    assert encoder.long_texts == 1


def test_pickle_is_not_read_where_safetensors_are_not(saved_open_clip, tmp_path):
    folder = shutil.copytree(saved_open_clip("clip"), tmp_path / "changed")
    (folder / WEIGHTS).rename(folder / "open_clip_pytorch_model.bin")
    with pytest.raises(InputError, match="has its weights only as pickle"):
        load_encoder(folder, CPU)


@pytest.mark.parametrize(
    ("part", "values", "complaint"),
    [
        ("text_cfg", {"hf_model_name": "xlm-roberta-base"}, "whose configuration is on the hub"),
        ("vision_cfg", {"timm_model_name": "hf-hub:a/b"}, "that timm would fetch"),
        ("text_cfg", {"tokenizer_kwargs": {"reduction_mask": "syntax"}}, "'reduction_mask' among"),
        ("text_cfg", {"tokenizer_kwargs": {"trust_remote_code": True}}, "'trust_remote_code' amo"),
        ("text_cfg", {"hf_tokenizer_name": "bert-base-uncased"}, "has no tokenizer"),
        ("vision_cfg", {"layers": 10**6}, r"has 1000000 as 'model_cfg\.vision_cfg\.layers'"),
        ("text_cfg", {"context_length": 12}, r"'positional_embedding' of shape \[16, 32\]"),
        ("vision_cfg", {"image_size": 64}, "'visual.positional_embedding' of shape"),
    ],
)
def test_what_cannot_serve_is_refused_with_the_reason(changed, part, values, complaint):
    with pytest.raises(InputError, match=complaint):
        load_encoder(changed(**{part: values}), CPU)


def test_a_transform_that_takes_one_picture_at_a_time_is_refused(changed):
    folder = changed()
    content = json.loads((folder / CONFIG).read_text())
    content["preprocess_cfg"]["resize_mode"] = "longest"
    (folder / CONFIG).write_text(json.dumps(content))
    with pytest.raises(InputError, match="processes images by ResizeKeepRatio"):
        load_encoder(folder, CPU)


@pytest.mark.parametrize(
    ("kind", "name", "complaint"),
    [
        ("clip", "text_projection", "text_projection"),
        ("clip with a bias", "logit_bias", "lacks 'l"),
    ],
)
def test_weights_that_lack_a_tensor_are_refused(changed, kind, name, complaint):
    folder = changed(kind)
    tensors = load_file(folder / WEIGHTS)
    tensors.pop(name)
    save_file(tensors, folder / WEIGHTS)
    with pytest.raises(InputError, match=complaint):
        load_encoder(folder, CPU)


def test_the_library_s_log_and_ours_are_not_mixed(saved_open_clip):
    import logging

    before = list(logging.getLogger().handlers)
    load_encoder(saved_open_clip("clip"), CPU)
    assert (logging.getLogger().handlers, logging.getLogger().disabled) == (before, False)
