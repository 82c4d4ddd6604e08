"""The manifest of an export: its keys stay what versions before wrote and read."""

import json

from zeroreal.export import read_manifest


def test_the_size_of_the_images_keeps_its_key_on_disk(tiny_export):
    exported = tiny_export("sd15", "fp32")
    content = json.loads((exported.folder / "manifest.json").read_text())
    assert content["image_size"] == [16, 16]
    assert "generate_size" not in content
    assert read_manifest(exported.folder).generate_size == (16, 16)
