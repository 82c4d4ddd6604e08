"""Training from the pool: it learns, it is reproducible, and its result can be loaded again."""

import pytest
import torch

from zeroreal.generate import InputError
from zeroreal.train import ImagePool, Trainer, TrainSettings
from zeroreal.train.saved import ClassifierCard, load_classifier, save_classifier

CPU = torch.device("cpu")


def stripes(count, seed):
    """Two classes, horizontal and vertical stripes of random phase and colour: uint8 NHWC."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 2
    phase = torch.randint(0, 8, (count, 1, 1), generator=generator)
    line = (torch.arange(32)[None, :, None] + phase) % 8 < 4
    pattern = line.expand(count, 32, 32).clone()
    pattern[labels == 1] = pattern[labels == 1].transpose(1, 2)
    colour = torch.randint(80, 256, (count, 1, 1, 3), generator=generator)
    noise = torch.randint(0, 60, (count, 32, 32, 3), generator=generator)
    return (pattern[..., None] * colour * 0.7 + noise).to(torch.uint8), labels


def trainer(**options):
    settings = {"epochs": 3, "batch_size": 32, "ema_decay": 0.9}
    settings |= {k: options.pop(k) for k in list(options) if k in TrainSettings.__annotations__}
    defaults = {"num_classes": 2, "image_size": 32, "device": "cpu", "precision": "fp32"}
    return Trainer("test_resnet", settings=TrainSettings(**settings), **{**defaults, **options})


@pytest.mark.parametrize("options", [{}, {"optimizer": "sgd", "learning_rate": 0.05}])
def test_it_beats_chance_by_a_wide_margin(options):
    ours = trainer(**options)
    reports = ours.fit(*stripes(320, seed=0))
    tested = ours.evaluate(*stripes(200, seed=1))
    assert tested.accuracy > 0.9
    assert reports[-1].loss < reports[0].loss
    assert [report.epoch for report in reports] == [1, 2, 3]


def test_bf16_learns_too():
    ours = trainer(precision="bf16")
    ours.fit(*stripes(320, seed=0))
    assert ours.evaluate(*stripes(200, seed=1)).accuracy > 0.9


def test_the_same_seed_gives_the_same_classifier_and_another_seed_another():
    images, labels = stripes(64, seed=0)
    weights = []
    for seed in (0, 0, 1):
        ours = trainer(seed=seed, epochs=1)
        ours.fit(images, labels)
        weights.append(torch.cat([p.flatten() for p in ours.model.parameters()]))
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_creating_a_trainer_leaves_the_global_random_state_alone():
    before = torch.random.get_rng_state()
    trainer()
    assert torch.equal(before, torch.random.get_rng_state())


def test_testing_uses_eval_mode_and_changes_nothing():
    ours = trainer(epochs=1)
    ours.fit(*stripes(64, seed=0))
    assert not ours.model.training
    before = {name: value.clone() for name, value in ours.model.state_dict().items()}
    images, _ = stripes(20, seed=1)
    together = ours.predict(images)
    alone = torch.cat([ours.predict(image[None]) for image in images])
    # In training mode, batch normalisation would make each prediction depend on its batch.
    assert torch.allclose(together, alone, atol=1e-5)
    after = ours.model.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())


def test_the_moving_average_is_what_is_used():
    ours = trainer(epochs=2)
    ours.fit(*stripes(64, seed=0))
    assert ours.model is not ours._model
    without = trainer(epochs=1, ema_decay=0.0)
    without.fit(*stripes(64, seed=0))
    assert without.model is without._model


def test_a_saved_classifier_predicts_the_same(tmp_path):
    ours = trainer(epochs=1)
    ours.fit(*stripes(64, seed=0))
    card = ClassifierCard("test_resnet", ("lying", "standing"), ("lying", "standing"), 32)
    save_classifier(tmp_path, ours.model, card)
    images, _ = stripes(16, seed=1)
    loaded = load_classifier(tmp_path, CPU)
    assert loaded.card == card
    assert torch.allclose(loaded.predict(images), ours.predict(images), atol=1e-6)


@pytest.mark.parametrize("damage", ["truncate", "remove", "card", "other"])
def test_a_damaged_classifier_gets_one_sentence(tmp_path, damage):
    card = ClassifierCard("test_resnet", ("a", "b"), ("a", "b"), 32)
    save_classifier(tmp_path, trainer().model, card)
    weights, description = tmp_path / "classifier.safetensors", tmp_path / "classifier.json"
    if damage == "truncate":
        weights.write_bytes(weights.read_bytes()[:1000])
    elif damage == "remove":
        weights.unlink()
    elif damage == "card":
        description.write_text("{}")
    else:
        description.write_text(description.read_text().replace("test_resnet", "resnet18"))
    with pytest.raises(InputError) as caught:
        load_classifier(tmp_path, CPU)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "arguments",
    [
        (torch.zeros(4, 32, 32, 3), torch.zeros(4).long()),
        (torch.zeros(4, 3, 32, 32, dtype=torch.uint8), torch.zeros(4).long()),
        (torch.zeros(4, 32, 32, 3, dtype=torch.uint8), torch.zeros(3).long()),
        (torch.zeros(1, 32, 32, 3, dtype=torch.uint8), torch.zeros(1).long()),
        (torch.zeros(4, 32, 32, 3, dtype=torch.uint8),),
    ],
)
def test_images_are_checked(arguments):
    with pytest.raises(InputError):
        trainer().fit(*arguments)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"optimizer": "adamv"}, "did you mean 'adamw'"),
        ({"epochs": 0}, "epochs is 0"),
        ({"batch_size": 0}, "batch size is 0"),
        ({"learning_rate": -1.0}, "learning rate"),
        ({"label_smoothing": 1.0}, "label smoothing"),
        ({"precision": "fp16"}, "fp16"),
    ],
)
def test_settings_are_checked(options, complaint):
    with pytest.raises(InputError, match=complaint):
        trainer(**options)


def test_an_epoch_draws_every_image_once():
    images = torch.zeros(10, 8, 8, 3, dtype=torch.uint8)
    pool = ImagePool.of(images, torch.arange(10), CPU)
    order = torch.Generator().manual_seed(0)
    first = [labels for _, labels in pool.batches(4, order)]
    second = torch.cat([labels for _, labels in pool.batches(4, order)])
    assert [len(labels) for labels in first] == [4, 4, 2]
    assert sorted(torch.cat(first).tolist()) == list(range(10))
    assert second.tolist() != torch.cat(first).tolist()
    # Batch normalisation cannot train on one image.
    assert [len(labels) for _, labels in pool.batches(3, order)] == [3, 3, 4]


def test_a_full_pool_takes_no_more():
    pool = ImagePool(2, 8, CPU)
    with pytest.raises(InputError, match="2 slots"):
        pool.add(torch.zeros(3, 8, 8, 3, dtype=torch.uint8), torch.zeros(3).long())


def test_augmentation_settings_reach_the_images():
    from zeroreal.train.augment import augment, normalize

    images, _ = stripes(8, seed=0)
    still = AugmentSettings(False, 0, 0, 0, 0, 0, 0)
    generator = torch.Generator().manual_seed(0)
    plain = augment(images, still, generator)
    assert torch.allclose(plain, normalize(images), atol=1e-4)
    assert plain.is_contiguous(memory_format=torch.channels_last)
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    by_hand = ((images[0, 5, 7] / 255) - mean) / deviation
    assert torch.allclose(plain[0, :, 5, 7], by_hand, atol=1e-4)

    mirrored = augment(images, AugmentSettings(True, 0, 0, 0, 0, 0, 0), generator)
    flips = [torch.allclose(m, p.flip(2), atol=1e-4) for m, p in zip(mirrored, plain, strict=True)]
    stays = [torch.allclose(m, p, atol=1e-4) for m, p in zip(mirrored, plain, strict=True)]
    assert all(flip or stay for flip, stay in zip(flips, stays, strict=True))
    assert any(flips)
    assert any(stays)

    erased = augment(images, AugmentSettings(False, 0, 0, 0, 0, 0, 1), generator)
    share = (erased == 0).all(1).float().mean((1, 2))
    assert ((share > 0.03) & (share < 0.3)).all()

    moved = augment(images, AugmentSettings(False, 0.25, 0, 0, 0, 0, 0), generator)
    assert not torch.allclose(moved, plain, atol=0.1)


@pytest.mark.gpu
def test_a_gpu_trains_on_images_that_lie_there():
    ours = trainer(device="cuda", precision="bf16")
    images, labels = stripes(320, seed=0)
    ours.fit(images.cuda(), labels.cuda())
    assert next(ours.model.parameters()).is_cuda
    assert ours.evaluate(*stripes(200, seed=1)).accuracy > 0.9
