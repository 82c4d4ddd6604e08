"""timm classifiers by name, at small and large sizes."""

import pytest
import torch

from zeroreal.generate import InputError
from zeroreal.train.classifier import create_classifier


@pytest.mark.parametrize(
    "name",
    [
        "resnet18",
        "mobilenetv3_small_050",
        "convnext_atto",
        "vit_tiny_patch16_224",
        "test_resnet",
        "repvgg_a0",
    ],
)
def test_any_family_takes_small_images(name):
    model = create_classifier(name, 7, 32).eval()
    assert model(torch.zeros(2, 3, 32, 32)).shape == (2, 7)


def test_the_small_stem_keeps_the_resolution():
    model = create_classifier("resnet18", 10, 32)
    assert model.maxpool(model.conv1(torch.zeros(1, 3, 32, 32))).shape[-2:] == (32, 32)
    patches = create_classifier("vit_tiny_patch16_224", 10, 32).patch_embed
    assert patches.num_patches == 64


def test_larger_images_keep_the_published_stem():
    model = create_classifier("resnet18", 10, 64)
    assert model.conv1.kernel_size == (7, 7)
    assert model.conv1.stride == (2, 2)


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(InputError, match="did you mean 'resnet18'"):
        create_classifier("resnet-18", 10, 32)
