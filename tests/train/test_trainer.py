"""Training from the pool: it learns, and it is reproducible."""

import pytest
import torch

from zeroreal.base import InputError
from zeroreal.base.ranks import Ranks
from zeroreal.train import ImagePool

CPU = torch.device("cpu")


def test_it_is_trained_once_an_epoch_has_ended(stripes, trainer):
    ours = trainer(epochs=2)
    found = [ours.is_trained]
    ours.fit(*stripes(8, seed=0), on_epoch=lambda report: found.append(ours.is_trained))
    assert found == [False, True, True]
    with pytest.raises(InputError):  # what was learnt before is still there
        ours.fit(stripes(8, seed=0)[0], torch.full((8,), 5))
    assert ours.is_trained


def test_the_share_of_every_batch_follows_from_the_ranks_that_are_handed_in(stripes, trainer):
    pool = ImagePool.of(*stripes(8, seed=0), CPU)
    loader = trainer(ranks=Ranks(1, 2)).loader(pool)
    assert (loader.rank, loader.world_size) == (1, 2)
    assert sum(len(labels) for _, labels in loader) == 4


@pytest.mark.parametrize("options", [{}, {"optimizer": "sgd", "learning_rate": 0.05}])
def test_it_beats_chance_by_a_wide_margin(options, stripes, trainer):
    ours = trainer(**options)
    reports = ours.fit(*stripes(320, seed=0))
    tested = ours.evaluate(*stripes(200, seed=1))
    assert tested.accuracy > 0.9
    assert reports[-1].loss < reports[0].loss
    assert [report.epoch for report in reports] == [1, 2, 3]


def test_bf16_learns_too(stripes, trainer):
    ours = trainer(precision="bf16")
    ours.fit(*stripes(320, seed=0))
    assert ours.evaluate(*stripes(200, seed=1)).accuracy > 0.9


def test_the_same_seed_gives_the_same_classifier_and_another_seed_another(stripes, trainer):
    images, labels = stripes(64, seed=0)
    weights = []
    for seed in (0, 0, 1):
        ours = trainer(seed=seed, epochs=1)
        ours.fit(images, labels)
        weights.append(torch.cat([p.flatten() for p in ours.model.parameters()]))
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_creating_a_trainer_leaves_the_global_random_state_alone(trainer):
    before = torch.random.get_rng_state()
    trainer()
    assert torch.equal(before, torch.random.get_rng_state())


def test_testing_uses_eval_mode_and_changes_nothing(stripes, trainer):
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


def test_the_moving_average_is_what_is_used(stripes, trainer):
    ours = trainer(epochs=2)
    ours.fit(*stripes(64, seed=0))
    assert ours.model is not ours._model
    without = trainer(epochs=1, ema_decay=0.0)
    without.fit(*stripes(64, seed=0))
    assert without.model is without._model


def test_images_are_trained_on_as_often_as_asked_for(stripes, trainer):
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


def test_no_more_samples_are_trained_on_than_the_replay_ratio_allows(stripes, trainer):
    rows = []
    trainer(epochs=3, max_replay=1.5).fit(*stripes(32, seed=0), on_scalars=rows.append)
    assert rows[-1].samples == 48


@pytest.mark.gpu
def test_a_gpu_trains_on_images_that_lie_there(stripes, trainer):
    ours = trainer(device="cuda", precision="bf16")
    images, labels = stripes(320, seed=0)
    ours.fit(images.cuda(), labels.cuda())
    assert next(ours.model.parameters()).is_cuda
    assert ours.evaluate(*stripes(200, seed=1)).accuracy > 0.9
