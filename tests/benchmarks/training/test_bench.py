"""The training benchmark on a few images, and the peers in it."""

import pytest
import torch
from torch import nn

from zeroreal.base import InputError
from zeroreal.benchmarks.loading import loader_peer
from zeroreal.benchmarks.loading.cached_loader import CachedLoader
from zeroreal.benchmarks.training import bench as training
from zeroreal.benchmarks.training.bench import measure_training
from zeroreal.benchmarks.training.cases import CASES, DEFAULT_CASES, TrainingCase
from zeroreal.benchmarks.training.settings import TrainingSettings
from zeroreal.benchmarks.training.timm_training import PilImages, TimmTraining, timm_loader
from zeroreal.kernels import AugmentRanges
from zeroreal.train import ImagePool, Loader, TrainSettings

CPU = torch.device("cpu")


def test_cases_are_measured_by_both(monkeypatch):
    monkeypatch.setattr(loader_peer, "worker_counts", lambda: [0])
    cases = {
        name: TrainingCase(against, "test_resnet", 32, 32)
        for name, against in (("a", "cached"), ("b", "timm"))
    }
    monkeypatch.setattr(training, "CASES", cases)
    found = measure_training(
        TrainingSettings(
            ("a", "b"), batch_size=2, batches=2, device="cpu", precision="fp32", rounds=1
        )
    )
    assert [(row.key, row.is_baseline) for row in found.rows] == [
        (("a", "cached"), True),
        (("a", "ours"), False),
        (("b", "timm"), True),
        (("b", "ours"), False),
    ]
    for row in found.rows:
        assert (row.reason, row.facts["images"]) == (None, 4)
    assert found.rows[2].facts["workers"] == 0
    assert found.facts == {"precision": "float32"}


@pytest.mark.parametrize(("batches", "epochs"), [(1, 3), (2, 2), (3, 1), (16, 1)])
def test_three_batches_at_least_warm_up(batches, epochs):
    settings = TrainingSettings(batch_size=2, batches=batches, rounds=4)
    bench = training._Bench("cached-32", settings, CPU, print)
    trained = []

    class Counted:
        def epoch(self):
            trained.append(1)

    bench._warmed_up(Counted())
    assert (len(trained), bench._train.epochs) == (epochs, 4 + epochs)


def test_the_cases_of_a_device_exist():
    for names in DEFAULT_CASES.values():
        assert set(names) <= set(CASES)


def test_a_cached_loader_gives_the_first_batch_of_a_loader_again_and_again():
    images = torch.randint(256, (6, 8, 8, 3), dtype=torch.uint8)
    pool = ImagePool.of(images, torch.arange(6), CPU)
    options = {"augment": AugmentRanges(flip=0.5, shift=0.25), "seed": 5, "epochs": 2}
    first, labels = next(iter(Loader(pool, 2, **options)))
    loader = CachedLoader(pool, 2, **options)
    batches = 0
    while not loader.is_finished:
        for batch, its_labels in loader:
            assert torch.equal(batch, first)
            assert torch.equal(its_labels, labels)
            batches += 1
    assert (batches, loader.total_batches()) == (6, 6)


def test_timms_loader_gives_normalised_batches():
    grey = torch.full((4, 20, 20, 3), 102, dtype=torch.uint8)
    dataset = PilImages(grey, torch.tensor([3, 1, 4, 1]))
    crops = AugmentRanges(area=(0.08, 1.0), aspect=(3 / 4, 4 / 3), flip=0.5)
    seen = []
    for images, labels in timm_loader(dataset, 16, 2, crops, 0, CPU):
        # 0.4 of white, less ImageNet's means, over its deviations.
        wanted = torch.tensor([(0.4 - 0.485) / 0.229, (0.4 - 0.456) / 0.224, (0.4 - 0.406) / 0.225])
        torch.testing.assert_close(images, wanted[:, None, None].expand(2, 3, 16, 16))
        seen += labels.tolist()
    assert sorted(seen) == [1, 1, 3, 4]


def test_timms_loop_learns_black_from_white():
    torch.manual_seed(0)
    black, white = torch.zeros(4, 3, 4, 4), torch.ones(4, 3, 4, 4)
    batch = (torch.cat([black, white]), torch.tensor([0] * 4 + [1] * 4))
    model = nn.Sequential(nn.Flatten(), nn.Linear(48, 2))
    settings = TrainSettings(epochs=20, learning_rate=0.1, label_smoothing=0.0)
    loop = TimmTraining(model, [batch, batch], settings, CPU, torch.float32)
    losses = [loop.epoch() for _ in range(settings.epochs)]
    assert losses[0] > 0.2
    assert losses[-1] < 0.05


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"cases": ("timm-65",)}, "unknown training case 'timm-65': did you mean 'timm-64'?"),
        ({"batch_size": 1}, "batch size is 1: at least 2 is needed"),
        ({"batches": 0}, "batches is 0: at least 1 is needed"),
        ({"rounds": 0}, "rounds is 0: at least 1 is needed"),
        ({"device": "tpu"}, "unknown device 'tpu'"),
        ({"precision": "int4"}, "unknown precision 'int4'"),
    ],
)
def test_bad_settings_get_one_sentence(settings, complaint):
    with pytest.raises(InputError) as error:
        measure_training(TrainingSettings(**{"device": "cpu", **settings}))
    assert complaint in str(error.value)
