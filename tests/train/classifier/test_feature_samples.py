"""Sampled features train the last layer alone, by the seed, and classifiers without one refuse."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from zeroreal.base import InputError
from zeroreal.train import CheckpointFolder, ImagePool, Trainer, TrainSettings
from zeroreal.train.classifier.evaluate import predict_features
from zeroreal.train.classifier.feature_samples import linear_head, train_head

CPU = torch.device("cpu")


def fitted(stripes, trainer, **options):
    ours = trainer(epochs=1, **options)
    ours.fit(*stripes(64, seed=0))
    return ours


def weights(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def changed(before, after):
    return {name for name in before if not torch.equal(before[name], after[name])}


@pytest.fixture(scope="module")
def plain(stripes, trainer):
    return fitted(stripes, trainer)


@pytest.fixture(scope="module")
def sampled(stripes, trainer):
    return fitted(stripes, trainer, feature_samples=20)


def test_the_last_layer_alone_changes_and_only_of_the_weights_to_use(plain, sampled):
    assert changed(weights(plain.model), weights(sampled.model)) == {"fc.weight", "fc.bias"}
    assert changed(weights(plain._model), weights(sampled._model)) == set()
    assert torch.equal(sampled.former_head.weight, plain.model.fc.weight)
    assert plain.former_head is None


def test_the_same_seed_trains_it_the_same_and_more_features_otherwise(stripes, trainer, sampled):
    again = fitted(stripes, trainer, feature_samples=20)
    assert changed(weights(again.model), weights(sampled.model)) == set()
    more = fitted(stripes, trainer, feature_samples=21)
    assert changed(weights(more.model), weights(sampled.model)) == {"fc.weight", "fc.bias"}


@pytest.mark.parametrize("epochs", [1, 2])
def test_training_that_went_on_from_a_state_ends_with_the_same(stripes, trainer, tmp_path, epochs):
    def stop(report):
        if report.epoch == epochs:
            raise KeyboardInterrupt

    images, whole = stripes(64, seed=0), trainer(epochs=2, feature_samples=20)
    whole.fit(*images)
    states = CheckpointFolder(tmp_path, whole.identity)
    with pytest.raises(KeyboardInterrupt):
        trainer(epochs=2, feature_samples=20).fit(
            *images, on_epoch=stop, states=states, state_seconds=0
        )
    ours = trainer(epochs=2, feature_samples=20)
    ours.fit(*images, states=states)
    assert changed(weights(ours.model), weights(whole.model)) == set()
    assert not torch.equal(ours.former_head.weight, ours.model.fc.weight)


def test_without_an_average_the_weights_that_were_trained_are_those(stripes, trainer):
    ours = fitted(stripes, trainer, feature_samples=20, ema_decay=0.0)
    assert not torch.equal(ours.former_head.weight, ours._model.fc.weight)
    assert ours.model.fc.weight.requires_grad
    assert all(weight.grad is None for weight in ours.model.fc.parameters())


def test_it_learns_from_features_alone_what_a_new_last_layer_does_not_know(stripes, trainer, plain):
    model = copy.deepcopy(plain.model)
    images, labels = stripes(64, seed=0)
    features = predict_features(model, images, CPU).double().numpy()
    nn.init.zeros_(model.fc.weight)
    nn.init.zeros_(model.fc.bias)
    pool = ImagePool.of(images, labels, CPU)
    settings = TrainSettings(feature_samples=500, label_smoothing=0.0)
    train_head(model, linear_head(model, "test_resnet", 32), pool, settings, 2, 0)
    # The direction that tells two Gaussians of one covariance apart, by NumPy.
    means = np.stack([features[labels == k].mean(0) for k in range(2)])
    towards = (model.fc.weight[1] - model.fc.weight[0]).detach().numpy()
    assert (means[1] - means[0]) @ towards > 0
    logits = model.fc(torch.from_numpy(features).float()).argmax(1)
    assert (logits == labels).float().mean() > 0.9


def test_drawn_features_have_the_mean_target_of_their_class(stripes, plain, monkeypatch):
    pool = ImagePool(8, 32, CPU, classes=2)
    images, labels = stripes(8, seed=0)
    soft = torch.rand(8, 2, generator=torch.Generator().manual_seed(1))
    slots = pool.take(8)
    pool.write(slots, images, labels.tolist(), range(8), soft)
    pool.publish(slots)
    seen = []
    monkeypatch.setattr(
        "zeroreal.train.classifier.feature_samples._fit", lambda *arguments: seen.append(arguments)
    )
    settings = TrainSettings(feature_samples=3)
    train_head(plain.model, plain.model.fc, pool, settings, 2, 0)
    ((_, features, targets, *_),) = seen
    means = np.stack([soft[labels == k].numpy().mean(0) for k in range(2)])
    assert len(features) == 8 + 2 * 3
    np.testing.assert_array_equal(targets[:8], soft)
    np.testing.assert_allclose(targets[8:], means.repeat(3, 0), rtol=1e-6)


def test_no_more_images_than_classes_are_refused_before_training(stripes, trainer):
    ours = trainer(feature_samples=5)
    with pytest.raises(InputError, match="2 images of 2 classes tell nothing of how features"):
        ours.fit(*stripes(2, seed=0))
    assert not ours.is_trained


def test_a_class_without_an_image_is_refused_and_the_training_kept(stripes, trainer):
    images, labels = stripes(16, seed=0)
    ours = trainer(epochs=1, feature_samples=5)
    with pytest.raises(InputError, match="class 'number 1' has no synthetic image to fit"):
        ours.fit(images, labels * 0)
    assert ours.is_trained
    assert ours.former_head is None


def test_a_classifier_with_two_last_layers_is_refused_at_once():
    with pytest.raises(InputError, match="'deit_tiny_distilled_patch16_224' does not end in one"):
        Trainer(
            "deit_tiny_distilled_patch16_224",
            num_classes=2,
            image_size=32,
            settings=TrainSettings(feature_samples=1),
            device="cpu",
        )


def test_a_last_layer_that_does_not_make_the_logits_is_refused(plain):
    model = copy.deepcopy(plain.model)
    model.fc.register_forward_hook(lambda module, inputs, output: output)
    assert linear_head(model, "test_resnet", 32) is model.fc
    model.register_forward_hook(lambda module, inputs, output: 2 * output)
    with pytest.raises(InputError, match="'test_resnet' does not end in one linear layer"):
        linear_head(model, "test_resnet", 32)


def test_fewer_features_than_none_are_refused():
    with pytest.raises(InputError, match="feature samples is -1: it must be 0 or more"):
        TrainSettings(feature_samples=-1)
