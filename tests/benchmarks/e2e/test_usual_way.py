"""The usual way's parts: guidance groups, folders, batches."""

import torch
from PIL import Image

from zeroreal.benchmarks.e2e.usual_way import generated, image_loader, save


class Pipeline:
    """Gives a grey of the prompt's number."""

    def __init__(self):
        self.calls = []

    def __call__(self, prompts, guidance_scale, num_inference_steps, generator):
        self.calls.append((prompts, guidance_scale, num_inference_steps))
        self.images = [Image.new("RGB", (32, 32), (int(prompt),) * 3) for prompt in prompts]
        return self


def test_a_call_has_one_guidance_and_at_most_a_batch():
    pipeline = Pipeline()
    samples = [("a", "1", 2.0), ("b", "2", 1.0), ("c", "3", 2.0), ("a", "4", 2.0)]
    job = {"samples": samples, "batch_size": 2, "steps": 3, "seed": 0, "device": "cpu"}
    images = list(generated(pipeline, job))
    assert pipeline.calls == [(["2"], 1.0, 3), (["1", "3"], 2.0, 3), (["4"], 2.0, 3)]
    shades = [(name, image.getpixel((0, 0))[0]) for name, image in images]
    assert shades == [("b", 2), ("a", 1), ("c", 3), ("a", 4)]


def test_images_are_read_from_the_folder_of_their_class_as_they_were(tmp_path):
    pictures = [(name, Image.new("RGB", (32, 32), (200,) * 3)) for name in ("boot", "bag", "bag")]
    save(pictures, tmp_path)
    job = {"image_size": 32, "train_batch_size": 2, "workers": 0, "device": "cpu"}
    loader = image_loader(tmp_path, job)
    assert loader.dataset.classes == ["bag", "boot"]
    (images, labels), *rest = list(loader)  # three images: the last alone is left out
    assert not rest
    assert images.shape == (2, 3, 32, 32)
    assert set(labels.tolist()) <= {0, 1}
    white = (200 / 255 - 0.485) / 0.229
    assert torch.isclose(images[:, 0].max(), torch.tensor(white), atol=1e-3)
