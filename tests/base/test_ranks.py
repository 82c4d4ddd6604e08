"""Training in several processes: two ranks do what one process does with batches twice as large.

This file is also what the ranks run: `python test_distributed.py FOLDER`.
"""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from zeroreal.base import InputError
from zeroreal.base.ranks import Ranks, join_ranks
from zeroreal.kernels import AugmentRanges
from zeroreal.train import CheckpointFolder, Feed, ImagePool, Loader, Trainer, TrainSettings

CPU = torch.device("cpu")
RANKS = 2
BATCH = 4
SECONDS = 120


class Flat(nn.Sequential):
    """No statistics of the batch, which ranks do not share."""

    def __init__(self):
        super().__init__(nn.Flatten(), nn.Linear(192, 8), nn.GELU(), nn.Linear(8, 2))


def pool():
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (40, 8, 8, 3), dtype=torch.uint8, generator=generator)
    return ImagePool.of(images, torch.arange(40) % 2, CPU)


def trainer(batch_size, net=Flat):
    settings = TrainSettings(
        epochs=2,
        batch_size=batch_size,
        accumulate=2,
        optimizer="sgd",  # AdamW makes a step of a rounding error
        learning_rate=0.05,
        clip_grad=1.0,
        augment=AugmentRanges(flip=0.5, shift=0.1, brightness=0.2),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("zeroreal.train.trainer.create_classifier", lambda *_: net())
        options = {"device": "cpu", "precision": "fp32", "seed": 3}
        return Trainer("flat", num_classes=2, image_size=8, settings=settings, **options)


def weights(trained):
    return {name: value.clone() for name, value in trained.model.state_dict().items()}


class Broken(Flat):
    """Gives logits that are not numbers, on the second rank."""

    def forward(self, images):
        return super().forward(images) * (float("nan") if Ranks.current().rank == 1 else 1.0)


def train_rank(rank, folder):
    """What a rank does: an ordinary training, a broken one, and one from the others' state."""
    os.environ["RANK"] = str(rank)
    ranks = join_ranks(CPU)
    ours = trainer(BATCH)
    checkpoints = CheckpointFolder(folder, ours.identity)
    reports = ours.fit(pool(), states=checkpoints, state_seconds=0)
    save_file(weights(ours), folder / f"{rank}.safetensors")
    resumed = trainer(BATCH)
    resumed.fit(pool(), states=checkpoints)
    save_file(weights(resumed), folder / f"{rank}-resumed.safetensors")
    complaint = ""
    try:
        trainer(BATCH, Broken).fit(pool())
    except InputError as error:
        complaint = str(error)
    found = {
        "rank": ranks.rank,
        "world_size": ranks.world_size,
        "losses": [report.loss for report in reports],
        "accuracies": [report.accuracy for report in reports],
        "complaint": complaint,
    }
    (folder / f"{rank}.json").write_text(json.dumps(found))


def main(folder):
    """Fork the ranks: what was imported is imported once."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    os.environ |= {
        "WORLD_SIZE": str(RANKS),
        "LOCAL_RANK": "0",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }
    torch.set_num_threads(1)
    context = torch.multiprocessing.get_context("fork")
    processes = [
        context.Process(target=train_rank, args=(rank, folder), daemon=True)
        for rank in range(RANKS)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(SECONDS)
    sys.exit(any(process.exitcode for process in processes))


@pytest.fixture(scope="module")
def ranks(tmp_path_factory):
    """What each rank found, and where its weights lie."""
    folder = tmp_path_factory.mktemp("ranks")
    command = [sys.executable, __file__, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=2 * SECONDS)
    assert done.returncode == 0, done.stderr
    return folder, [json.loads((folder / f"{rank}.json").read_text()) for rank in range(RANKS)]


def test_ranks_end_with_the_same_weights(ranks):
    folder, found = ranks
    assert [(item["rank"], item["world_size"]) for item in found] == [(0, 2), (1, 2)]
    first, second = (load_file(folder / f"{rank}.safetensors") for rank in range(RANKS))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_ranks_do_what_one_process_does_with_the_batch_of_all(ranks):
    folder, found = ranks
    alone = trainer(RANKS * BATCH)
    untrained = weights(alone)
    reports = alone.fit(pool())
    together = load_file(folder / "0.safetensors")
    for name, value in weights(alone).items():
        torch.testing.assert_close(together[name], value, atol=1e-5, rtol=0)
    assert not torch.allclose(together["1.weight"], untrained["1.weight"], atol=1e-3)
    for item in found:
        assert item["losses"] == pytest.approx([report.loss for report in reports], abs=1e-5)
        assert item["accuracies"] == pytest.approx([report.accuracy for report in reports])


def test_ranks_go_on_from_the_checkpoint_of_the_first(ranks):
    folder, _ = ranks
    for rank in range(RANKS):
        resumed = load_file(folder / f"{rank}-resumed.safetensors")
        expected = load_file(folder / "0.safetensors")
        assert all(torch.equal(resumed[name], expected[name]) for name in expected)


def test_a_loss_of_one_rank_that_is_not_finite_stops_all(ranks):
    _, found = ranks
    assert all("the loss is not finite" in item["complaint"] for item in found)


def test_all_ranks_replace_the_same_images(numbered):
    feeds = []
    for rank in range(RANKS):
        images = ImagePool(8, 4, CPU, spare=4)
        feeds.append(Feed(numbered(), numbered.plan(24), images, block=4, policy="most-replayed"))
        loader = Loader(feeds[-1], 3, epochs=3, balanced=True, rank=rank, world_size=RANKS)
        while not loader.is_finished:
            list(loader)
    assert feeds[0].pool.state_dict() == feeds[1].pool.state_dict()


def test_a_process_that_torchrun_did_not_start_is_alone(monkeypatch):
    monkeypatch.delenv("RANK", raising=False)
    assert join_ranks(CPU) == Ranks(0, 1)
    assert Ranks.current() == Ranks(0, 1)
    assert Ranks.current().is_first


def test_processes_that_cannot_be_joined_get_one_sentence(monkeypatch):
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.delenv("MASTER_ADDR", raising=False)
    with pytest.raises(InputError, match="start them with torchrun") as caught:
        join_ranks(CPU)
    assert "\n" not in str(caught.value)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
