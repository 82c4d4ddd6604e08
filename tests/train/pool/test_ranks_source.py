"""Generating in several processes: who makes what, and that all get all."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
import torch

from zeroreal.base.ranks import Ranks
from zeroreal.train.pool.ranks_source import RanksSource

COUNT = 3


@pytest.fixture
def generated(numbered, monkeypatch):
    """A function that generates on all ranks, in threads: each one's samples, and its batches."""
    posted, everyone = [None] * COUNT, Barrier(COUNT)

    def gather(ours, own):
        posted[ours._ranks.rank] = own
        everyone.wait()
        found = list(posted)
        everyone.wait()
        return found

    monkeypatch.setattr("torch.distributed.new_group", lambda: None)
    monkeypatch.setattr(RanksSource, "_gather", gather)

    def generate(plan, done=(), **options):
        sources = [numbered(**options) for _ in range(COUNT)]
        ranks = [RanksSource(source, 4, Ranks(n, COUNT)) for n, source in enumerate(sources)]
        with ThreadPoolExecutor(COUNT) as threads:
            batches = list(threads.map(lambda rank: list(rank.generate(plan, done)), ranks))
        return [source.generated for source in sources], batches

    return generate


def test_every_rank_makes_a_share_and_gets_all_images_in_order(generated, numbered):
    made, batches = generated(numbered.plan(8))
    assert made == [[0, 3, 6], [1, 4, 7], [2, 5]]
    for (batch,) in batches:
        assert [spec.index for spec in batch.specs] == list(range(8))
        assert torch.equal(batch.images, numbered.pictures(range(8)))
        assert batch.labels.tolist() == [0, 1] * 4


def test_shares_are_the_same_when_some_are_done(generated, numbered):
    made, batches = generated(numbered.plan(8), done={0, 1, 2, 4})
    assert made == [[3, 6], [7], [5]]
    for (batch,) in batches:
        assert [spec.index for spec in batch.specs] == [3, 5, 6, 7]
        assert torch.equal(batch.images, numbered.pictures([3, 5, 6, 7]))


def test_images_that_a_rank_leaves_out_are_missing_everywhere(generated, numbered):
    _, batches = generated(numbered.plan(8), blank=(4,))
    for (batch,) in batches:
        assert [spec.index for spec in batch.specs] == [0, 1, 2, 3, 5, 6, 7]


def test_where_all_is_done_nothing_comes(generated, numbered):
    _, batches = generated(numbered.plan(4), done=set(range(4)))
    assert batches == [[], [], []]
