"""timm classifiers by name, at small and large sizes."""

import pytest
import timm
import torch
from torch import nn

from zeroreal.base import InputError
from zeroreal.train.classifier.create import create_classifier, to_channels_last


def last_map(name, image_size):
    """Side of the last feature map, computed without weights or pixels."""
    with torch.device("meta"):
        model = create_classifier(name, 10, image_size)
        return model.forward_features(torch.zeros(1, 3, image_size, image_size)).shape[-1]


@pytest.mark.parametrize(
    "name",
    ["resnet18", "mobilenetv3_small_050", "convnext_atto", "vit_tiny_patch16_224", "test_resnet"],
)
def test_any_family_takes_small_images(name):
    model = create_classifier(name, 7, 32).eval()
    assert model(torch.zeros(2, 3, 32, 32)).shape == (2, 7)


@pytest.mark.parametrize(
    ("name", "image_size"),
    [
        ("mobilenetv3_small_100", 32),
        ("mobilenetv3_large_100", 64),
        ("resnet50", 64),
        ("resnet101", 32),
        ("convnext_small", 64),
        ("convnext_base", 32),
        ("resnet18", 16),
    ],
)
def test_convolutions_end_with_two_pixels_a_side_of_small_images(name, image_size):
    assert last_map(name, image_size) == 2


@pytest.mark.parametrize(
    ("name", "image_size", "patches"),
    [
        ("vit_small_patch16_224", 32, 8 * 8),
        ("vit_small_patch16_224", 64, 8 * 8),
        ("vit_base_patch16_224", 32, 8 * 8),
        ("vit_base_patch16_224", 224, 14 * 14),
        ("vit_base_patch32_224", 224, 7 * 7),
    ],
)
def test_transformers_cut_enough_patches(name, image_size, patches):
    with torch.device("meta"):
        assert create_classifier(name, 10, image_size).patch_embed.num_patches == patches


@pytest.mark.parametrize(
    "name", ["mobilenetv3_small_100", "resnet50", "vit_small_patch16_224", "convnext_small"]
)
def test_at_224_pixels_models_are_as_published(name):
    with torch.device("meta"):
        assert str(create_classifier(name, 10, 224)) == str(timm.create_model(name, num_classes=10))


def test_resnet_at_32_pixels_begins_as_its_cifar_form_and_keeps_its_pooling():
    with torch.device("meta"):
        model = create_classifier("resnet18", 10, 32)
    assert (model.conv1.kernel_size, model.conv1.stride) == ((3, 3), (1, 1))
    assert (model.maxpool.kernel_size, model.maxpool.stride) == (3, 2)
    assert [model.layer2[0].conv1.stride, model.layer2[0].downsample[0].stride] == [(2, 2), (2, 2)]


def test_a_least_map_of_four_gives_resnet_its_cifar_form():
    with torch.device("meta"):
        model = create_classifier("resnet18", 10, 32, least_map=4)
    assert (model.conv1.kernel_size, model.conv1.stride) == ((3, 3), (1, 1))
    assert isinstance(model.maxpool, nn.Identity)
    assert model.layer2[0].conv1.stride == (2, 2)


def test_branches_beside_each_other_lose_the_same_halving():
    with torch.device("meta"):
        stem = create_classifier("repvgg_a0", 10, 32).stem
    assert stem.conv_kxk.conv.stride == stem.conv_1x1.conv.stride == (1, 1)


def test_a_stem_that_cannot_be_made_small_is_kept_with_a_warning(caplog):
    with torch.device("meta"):
        kept = create_classifier("visformer_tiny", 10, 32)
        published = timm.create_model("visformer_tiny", num_classes=10, img_size=32)
    assert str(kept) == str(published)
    assert "'visformer_tiny' has a stem that cannot be made small" in caplog.text


def test_a_model_that_cannot_take_the_size_is_named_with_the_reason():
    with torch.device("meta"), pytest.raises(InputError, match=r"'crossvit_18_240'.* 32 pixels \("):
        create_classifier("crossvit_18_240", 10, 32)


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(InputError, match="did you mean 'resnet18'"):
        create_classifier("resnet-18", 10, 32)


def test_weights_of_convolutions_go_channels_last():
    model = to_channels_last(nn.Conv2d(3, 8, 3), torch.device("cpu"))
    assert model.weight.stride() == (27, 1, 9, 3)
