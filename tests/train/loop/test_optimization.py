"""Losses, optimisers and learning rates against timm, PyTorch and formulas by hand."""

import copy
import math

import pytest
import torch
import torch.nn.functional as F
from timm.loss import BinaryCrossEntropy, SoftTargetCrossEntropy
from timm.optim import Lamb
from torch import nn

from zeroreal.train.loop.optimization import learning_rate, loss_function, make_optimizer
from zeroreal.train.settings import TrainSettings

CPU = torch.device("cpu")


def small_model():
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(8 * 36, 5),
    )
    return model.to(memory_format=torch.channels_last)


def update(model, optimizer, step):
    images = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(step))
    loss = F.cross_entropy(model(images), torch.tensor([0, 1, 2, 3]))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def weights(model):
    return torch.cat([weight.detach().flatten() for weight in model.parameters()])


def plain_groups(model, weight_decay):
    convolution, norm, _, _, linear = model
    return [
        {"params": [convolution.weight, linear.weight], "weight_decay": weight_decay},
        {
            "params": [norm.weight, norm.bias, linear.bias],
            "weight_decay": 0.0,
        },
    ]


@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("adamw", lambda groups: torch.optim.AdamW(groups, lr=0.01, foreach=False)),
        (
            "sgd",
            lambda groups: torch.optim.SGD(
                groups, lr=0.01, momentum=0.8, nesterov=True, foreach=False
            ),
        ),
        ("lamb", lambda groups: Lamb(groups, lr=0.01)),
    ],
)
def test_updates_are_the_plain_optimiser_s_without_decay_of_norms_and_biases(name, reference):
    settings = TrainSettings(optimizer=name, learning_rate=0.01, weight_decay=0.5, momentum=0.8)
    ours, plain = small_model(), small_model()
    optimizers = make_optimizer(ours, settings, CPU), reference(plain_groups(plain, 0.5))
    for step in range(5):
        for model, optimizer in zip((ours, plain), optimizers, strict=True):
            update(model, optimizer, step)
    torch.testing.assert_close(weights(ours), weights(plain), rtol=1e-5, atol=1e-6)


def test_sgd_works_without_momentum():
    settings = TrainSettings(optimizer="sgd", learning_rate=0.5, weight_decay=0.0, momentum=0.0)
    model = nn.Linear(2, 1, bias=False)
    before = model.weight.detach().clone()
    model(torch.tensor([[2.0, -1.0]])).sum().backward()
    make_optimizer(model, settings, CPU).step()
    torch.testing.assert_close(model.weight.detach(), before - 0.5 * torch.tensor([[2.0, -1.0]]))


@pytest.mark.parametrize("name", ["adamw", "sgd", "lamb"])
def test_an_optimiser_goes_on_from_its_saved_state(name, tmp_path):
    settings = TrainSettings(optimizer=name, learning_rate=0.01)
    straight = small_model()
    optimizer = make_optimizer(straight, settings, CPU)
    update(straight, optimizer, 0)
    update(straight, optimizer, 1)
    torch.save(optimizer.state_dict(), tmp_path / "state.pt")
    resumed = copy.deepcopy(straight)
    restored = make_optimizer(resumed, settings, CPU)
    restored.load_state_dict(torch.load(tmp_path / "state.pt"))
    update(straight, optimizer, 2)
    update(resumed, restored, 2)
    assert torch.equal(weights(resumed), weights(straight))


def test_a_cosine_rises_and_falls():
    factor = learning_rate(TrainSettings(schedule="cosine", warmup=0.2), 10)
    expected = [0.5, 1.0, *(0.5 + 0.5 * math.cos(math.pi * done / 8) for done in range(9))]
    assert [factor(step) for step in range(11)] == pytest.approx(expected)


def test_a_line_rises_and_falls():
    factor = learning_rate(TrainSettings(schedule="linear", warmup=0.2), 10)
    expected = [0.5, 1.0, 1.0, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125, 0.0]
    assert [factor(step) for step in range(11)] == pytest.approx(expected)


@pytest.mark.parametrize("schedule", ["cosine", "linear"])
def test_without_warm_up_the_peak_comes_first(schedule):
    factor = learning_rate(TrainSettings(schedule=schedule, warmup=0.0), 1)
    assert [factor(0), factor(1)] == [1.0, 0.0]


@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("cross-entropy", SoftTargetCrossEntropy()),
        ("binary", BinaryCrossEntropy(target_threshold=0.2)),
    ],
)
def test_losses_are_timm_s(name, reference):
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(6, 4, generator=generator)
    targets = torch.rand(6, 4, generator=generator).softmax(1)
    loss = loss_function(TrainSettings(loss=name))
    torch.testing.assert_close(loss(logits, targets), reference(logits, targets))


@pytest.mark.parametrize("name", ["cross-entropy", "binary"])
def test_losses_of_half_precision_logits_are_computed_in_float32(name):
    logits = torch.tensor([[9.0, -9.0, 0.5]], dtype=torch.bfloat16)
    targets = torch.tensor([[0.0, 1.0, 0.0]])
    loss = loss_function(TrainSettings(loss=name))
    assert torch.equal(loss(logits, targets), loss(logits.float(), targets))


def test_the_binary_loss_takes_both_mixed_classes_as_there():
    loss = loss_function(TrainSettings(loss="binary"))
    logits = torch.tensor([[2.0, -1.0, 0.0]])
    there = [-math.log(1 / (1 + math.exp(-2.0))), -math.log(1 / (1 + math.exp(1.0)))]
    absent = -math.log(0.5)
    value = loss(logits, torch.tensor([[0.7, 0.3, 0.0]]))
    assert value.item() == pytest.approx((sum(there) + absent) / 3)


def test_a_class_is_there_above_a_fifth_of_the_target_not_at_it():
    loss = loss_function(TrainSettings(loss="binary"))
    logits = torch.tensor([[2.0, 2.0, 2.0]])
    there, absent = (math.log(1 + math.exp(sign * 2.0)) for sign in (-1, 1))
    value = loss(logits, torch.tensor([[0.2, 0.21, 0.15]]))
    assert value.item() == pytest.approx((there + 2 * absent) / 3)


@pytest.mark.parametrize(("name", "fused"), [("adamw", True), ("sgd", False)])
def test_on_the_cpu_adamw_is_fused_and_sgd_is_not(name, fused):
    optimizer = make_optimizer(small_model(), TrainSettings(optimizer=name), CPU)
    assert optimizer.defaults["fused"] is fused


def test_the_warm_up_is_rounded_to_whole_steps():
    # 0.25 x 10 rounds to even: two steps.
    factor = learning_rate(TrainSettings(schedule="linear", warmup=0.25), 10)
    assert [factor(0), factor(1), factor(2), factor(6)] == [0.5, 1.0, 1.0, 0.5]
