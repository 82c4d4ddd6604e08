"""The manifest of an export: its keys stay what versions before wrote and read."""

import json
import shutil

import pytest

from zeroreal.base import InputError
from zeroreal.export import read_manifest

ABSURD = [
    ("format", 1),
    ("format", "2"),
    ("model", []),
    ("model.latent_channels", "4"),
    ("model.text_encoders", "text_encoder"),
    ("image_size", 16),
    ("image_size[0]", -16),
    ("source", "a model"),
    ("graphs", []),
    ("graphs.denoise.precision", "load"),  # of torch, and no dtype
    ("graphs.denoise.file", "../denoise.onnx"),
    ("graphs.denoise.inputs[0].dtype", 5),
    ("graphs.denoise.outputs[0].shape", "16"),
    ("graphs.denoise.relative_errors[0].relative", "none"),
]


def test_the_size_of_the_images_keeps_its_key_on_disk(tiny_export):
    exported = tiny_export("sd15", "fp32")
    content = json.loads((exported.folder / "manifest.json").read_text())
    assert content["image_size"] == [16, 16]
    assert "generate_size" not in content
    assert read_manifest(exported.folder).generate_size == (16, 16)


@pytest.mark.parametrize(("place", "value"), ABSURD)
def test_a_value_that_cannot_be_is_told_with_its_field(tiny_export, tmp_path, place, value):
    written = tiny_export("sd15", "fp32").folder / "manifest.json"
    content = json.loads(written.read_text())
    *sections, last = place.replace("[", ".").replace("]", "").split(".")
    inner = content
    for name in sections:
        inner = inner[int(name) if name.isdigit() else name]
    inner[int(last) if last.isdigit() else last] = value
    (tmp_path / "manifest.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match="export the model again") as caught:
        read_manifest(tmp_path)
    field = place.removeprefix("model.")
    assert f"manifest.json' has {value!r} as '{field}" in str(caught.value)


def test_a_graph_that_lies_elsewhere_is_not_read(tiny_export, tmp_path):
    folder = shutil.copytree(tiny_export("sd15", "fp32").folder, tmp_path / "model")
    (folder / "denoise.onnx").rename(tmp_path / "denoise.onnx")
    path = folder / "manifest.json"
    path.write_text(path.read_text().replace('"denoise.onnx"', json.dumps("../denoise.onnx")))
    with pytest.raises(InputError, match="the name of a file in the same folder is needed"):
        read_manifest(folder)
