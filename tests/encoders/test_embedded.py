"""The dual encoder that ships."""

import pytest
import torch
from safetensors import safe_open
from transformers import CLIPModel, CLIPTokenizer

from zeroreal.assets import FASHION_MNIST_TEST, TINY_CLIP
from zeroreal.assets.embedded import EMBEDDED_CLASSES
from zeroreal.data import load_images
from zeroreal.encoders import ZeroShotClassifier, load_encoder
from zeroreal.generate import parse_classes
from zeroreal.run.zeroshot.share import balanced_order

CPU = torch.device("cpu")
CLASSES = parse_classes(EMBEDDED_CLASSES)
MOST_BYTES = 3_000_000
FLOOR = 0.78


@pytest.fixture(scope="module")
def encoder():
    return load_encoder("embedded", CPU)


@pytest.fixture(scope="module")
def garments():
    """50 real images of each class."""
    real = load_images(FASHION_MNIST_TEST, 32, [item.name for item in CLASSES])
    kept = balanced_order(real.labels, 0, 500)
    return real.images[kept], real.labels[kept]


def right(encoder, garments, classes, template):
    images, labels = garments
    found = ZeroShotClassifier(encoder, classes, [template])(images).argmax(1)
    return float((found == labels).float().mean())


@pytest.mark.parametrize("template", ["a photo of a {class}", "an image of a {class}", "{class}"])
def test_it_tells_real_garments_apart(encoder, garments, template):
    prompts = [item.prompt for item in CLASSES]
    assert right(encoder, garments, prompts, template) > FLOOR


@pytest.mark.parametrize(
    ("template", "classes"),
    [
        (
            "ein Foto von {class}",
            "einem T-Shirt, einer Hose, einem Pullover, einem Kleid, einem Mantel, einer Sandale, "
            "einem Hemd, einem Turnschuh, einer Tasche, einer Stiefelette",
        ),
        (
            "une photo d'{class}",
            "un t-shirt, un pantalon, un pull, une robe, un manteau, une sandale, une chemise, "
            "une basket, un sac, une bottine",
        ),
    ],
)
def test_it_reads_german_and_french(encoder, garments, template, classes):
    assert right(encoder, garments, classes.split(", "), template) > FLOOR


def test_it_tells_domains_apart(encoder):
    from zeroreal.generate import Generator, SamplePlan, load_recipe

    recipe = load_recipe("multi-domain")
    plan = SamplePlan(recipe, CLASSES[::3], 10)
    images, _ = Generator(device="cpu", tune="off").images(plan)
    prompts = [f"a {name} of" for name in recipe.domains]
    labels = torch.tensor(
        [next(n for n, start in enumerate(prompts) if start in spec.prompt) for spec in plan]
    )
    found = ZeroShotClassifier(encoder, recipe.domains, ["a {class}"])(images).argmax(1)
    assert float((found == labels).float().mean()) > 0.8


def test_it_is_small_and_plain(encoder):
    files = [path for path in TINY_CLIP.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < MOST_BYTES
    with safe_open(TINY_CLIP / "model.safetensors", "pt") as weights:
        assert {weights.get_slice(name).get_dtype() for name in weights.keys()} == {"F16"}  # noqa: SIM118
    assert {"README.md", "LICENSE"} <= {path.name for path in files}
    assert (encoder.kind, encoder.image_size, encoder.dimension) == ("clip", 32, 128)
    model = CLIPModel.from_pretrained(TINY_CLIP, dtype=torch.float32)  # as anybody may
    tokens = CLIPTokenizer.from_pretrained(TINY_CLIP)(["a coat"], return_tensors="pt")
    text = torch.nn.functional.normalize(model.get_text_features(**tokens).pooler_output)
    torch.testing.assert_close(encoder.embed_texts(["a coat"]), text.detach())
