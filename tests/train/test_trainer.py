"""Training from the pool: it learns, it is reproducible, and its result can be loaded again."""

import pytest
import torch

from zeroreal.base import InputError
from zeroreal.base.ranks import Ranks
from zeroreal.train import ImagePool, Loader, Trainer, TrainSettings
from zeroreal.train.classifier.saved import ClassifierCard, load_classifier, save_classifier

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


@pytest.mark.parametrize(
    "name", ["learning_rate", "max_replay", "weight_decay", "clip_grad", "mixup", "cutmix"]
)
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0])
def test_a_setting_that_is_no_number_is_refused(name, value):
    with pytest.raises(InputError, match=f"{name.replace('_', ' ')} is {value}"):
        TrainSettings(**{name: value})


def test_a_bound_on_replay_that_leaves_nothing_to_train_on_is_refused():
    settings = TrainSettings(max_replay=0.01)
    trainer = Trainer(num_classes=2, image_size=32, settings=settings, device="cpu")
    images = torch.zeros(8, 32, 32, 3, dtype=torch.uint8)
    with pytest.raises(InputError, match=r"max replay is 0.01, which leaves not even one pass"):
        trainer.fit(images, torch.arange(8) % 2)


def test_the_bound_on_replay_of_a_loader_of_one_s_own_is_the_one_that_is_named():
    loader = Loader(ImagePool.of(*stripes(8, seed=0), CPU), 4, epochs=2, max_replay=0.02)
    with pytest.raises(InputError, match=r"max replay is 0.02, which leaves not even one pass"):
        trainer().fit(loader)


def test_it_is_trained_once_an_epoch_has_ended():
    ours = trainer(epochs=2)
    found = [ours.is_trained]
    ours.fit(*stripes(8, seed=0), on_epoch=lambda report: found.append(ours.is_trained))
    assert found == [False, True, True]
    with pytest.raises(InputError):  # what was learnt before is still there
        ours.fit(stripes(8, seed=0)[0], torch.full((8,), 5))
    assert ours.is_trained


def test_the_share_of_every_batch_follows_from_the_ranks_that_are_handed_in():
    pool = ImagePool.of(*stripes(8, seed=0), CPU)
    loader = trainer(ranks=Ranks(1, 2)).loader(pool)
    assert (loader.rank, loader.world_size) == (1, 2)
    assert sum(len(labels) for _, labels in loader) == 4


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


@pytest.mark.parametrize("label", [-1, 2])
def test_labels_outside_the_classes_are_refused(label):
    images, labels = stripes(8, seed=0)
    labels[5] = label
    with pytest.raises(InputError, match=f"label {label} is outside the 2 classes"):
        trainer().fit(images, labels)


def test_a_loader_without_an_end_is_refused():
    loader = Loader(ImagePool.of(*stripes(8, seed=0), CPU), 4)
    with pytest.raises(InputError, match="no end"):
        trainer().fit(loader)


def test_images_are_trained_on_as_often_as_asked_for():
    pool = ImagePool.of(*stripes(30, seed=0), CPU)
    rows = []
    reports = trainer(epochs=3, batch_size=8).fit(pool, on_scalars=rows.append)
    assert [row.samples for row in rows] == [30, 60, 90]
    assert [row.step for row in rows] == [4, 8, 12]
    assert [row.replay_ratio for row in rows] == [1, 2, 3]
    assert [row.learning_rate for row in rows] == sorted(
        (row.learning_rate for row in rows), reverse=True
    )
    assert [report.epochs for report in reports] == [3, 3, 3]


def test_no_more_samples_are_trained_on_than_the_replay_ratio_allows():
    rows = []
    trainer(epochs=3, max_replay=1.5).fit(*stripes(32, seed=0), on_scalars=rows.append)
    assert rows[-1].samples == 48


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


@pytest.mark.gpu
def test_a_gpu_trains_on_images_that_lie_there():
    ours = trainer(device="cuda", precision="bf16")
    images, labels = stripes(320, seed=0)
    ours.fit(images.cuda(), labels.cuda())
    assert next(ours.model.parameters()).is_cuda
    assert ours.evaluate(*stripes(200, seed=1)).accuracy > 0.9
