"""Re-estimated BatchNorm statistics are those of the given images, and nothing else changes."""

import logging

import pytest
import timm
import torch
from torch import nn

from zeroreal.base import InputError
from zeroreal.train.classifier.batch_norm import re_estimate


def small_model():
    return nn.Sequential(
        nn.BatchNorm2d(3), nn.Dropout(0.9), nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4)
    )


def batches(count=3, size=8):
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(size, 3, 6, 6, generator=generator) * (2 + i) + i for i in range(count)]


def test_statistics_are_the_means_over_all_batches():
    model, images = small_model(), batches()
    assert re_estimate(model, images) == 2
    expected_mean = torch.stack([batch.mean((0, 2, 3)) for batch in images]).mean(0)
    expected_var = torch.stack([batch.var((0, 2, 3)) for batch in images]).mean(0)
    assert torch.allclose(model[0].running_mean, expected_mean, atol=1e-5)
    assert torch.allclose(model[0].running_var, expected_var, rtol=1e-5)


def test_later_layers_see_what_the_earlier_ones_make_of_each_batch_without_dropout():
    model, images = small_model(), batches()
    re_estimate(model, images)
    seen = []
    for batch in images:
        mean, var = batch.mean((0, 2, 3), keepdim=True), batch.var((0, 2, 3), False, keepdim=True)
        seen.append(model[2]((batch - mean) / (var + model[0].eps).sqrt()))
    expected = torch.stack([features.mean((0, 2, 3)) for features in seen]).mean(0)
    assert torch.allclose(model[3].running_mean, expected, atol=1e-5)


def test_earlier_statistics_and_the_order_of_batches_do_not_matter():
    model, other = small_model(), small_model()
    other.load_state_dict(model.state_dict())
    other.train()(batches(1, 20)[0])
    re_estimate(model, batches())
    re_estimate(other, reversed(batches()))
    for one, another in zip(model.buffers(), other.buffers(), strict=True):
        assert torch.allclose(one, another, atol=1e-5)


@pytest.mark.parametrize("name", ["test_resnet", "mobilenetv3_small_050"])
def test_all_batchnorms_of_a_classifier_are_counted_and_only_their_buffers_change(name):
    model = timm.create_model(name, num_classes=4).train()
    model.bn1.eval()
    modes = [module.training for module in model.modules()]
    weights = {key: value.clone() for key, value in model.named_parameters()}
    momenta = [m.momentum for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    generator = torch.Generator().manual_seed(0)
    images = [torch.randn(4, 3, 64, 64, generator=generator) for _ in range(2)]
    assert re_estimate(model, images) == len(momenta) > 5
    assert [module.training for module in model.modules()] == modes
    assert [m.momentum for m in model.modules() if isinstance(m, nn.BatchNorm2d)] == momenta
    assert all(torch.equal(value, weights[key]) for key, value in model.named_parameters())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_a_change_of_colours_common_to_all_images_is_undone():
    norm = nn.BatchNorm2d(3, affine=False)
    images = batches(1, 64)[0]
    re_estimate(norm, [images])
    norm.eval()
    expected = norm(images)
    re_estimate(norm, [3 * images + 5])
    norm.eval()
    assert torch.allclose(norm(3 * images + 5), expected, atol=1e-4)


def test_it_says_loudly_that_real_images_were_used(caplog):
    with caplog.at_level(logging.WARNING):
        re_estimate(small_model(), batches())
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "24 unlabelled real images" in record.getMessage()
    assert "no longer zero-shot" in record.getMessage()


def test_a_model_without_batchnorm_is_refused():
    with pytest.raises(InputError, match=r"no BatchNorm.*ResNet or MobileNetV3"):
        re_estimate(nn.Sequential(nn.Linear(2, 2), nn.LayerNorm(2)), [torch.zeros(1, 2)])


def test_no_images_are_refused_and_leave_the_statistics_alone():
    model = small_model()
    model.train()(batches(1)[0])
    before = model[0].running_mean.clone()
    with pytest.raises(InputError, match="no images"):
        re_estimate(model, [])
    assert torch.equal(model[0].running_mean, before)
