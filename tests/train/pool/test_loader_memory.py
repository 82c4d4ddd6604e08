"""The loader's memory: batches that are held stay, others' is used again, and it may run out."""

import resource
import threading

import pytest
import torch

from zeroreal.base import InputError
from zeroreal.train import Feed, ImagePool, Loader

CPU = torch.device("cpu")


def test_a_batch_that_is_held_is_not_overwritten(pool_of, numbered, same):
    pool = pool_of(40)
    loader = Loader(pool, 4)
    copies = []
    held = []
    for _ in range(2):
        for images, labels in loader:
            held.append((images[1:], labels))
            copies.append((images[1:].clone(), labels.clone()))
    same(held, copies)


def test_a_batch_that_autograd_needs_is_not_overwritten(pool_of):
    weight = torch.ones(1, requires_grad=True)
    products, sums = [], []
    for images, _ in Loader(pool_of(12), 4):
        products.append((images * weight).sum())
        sums.append(images.sum())
    del images
    torch.stack(products).sum().backward()
    assert torch.allclose(weight.grad, torch.stack(sums).sum())


def test_the_memory_of_batches_is_used_again(pool_of):
    addresses = {images.data_ptr() for images, _ in Loader(pool_of(80), 4)}
    assert len(addresses) <= 3


def test_leaving_early_a_thousand_times_costs_no_threads_and_no_memory(numbered):
    pool = ImagePool(4, 4, CPU, spare=2)
    feed = Feed(numbered(), numbered.plan(2000), pool, block=2, policy="oldest", mode="overlap")
    loader = Loader(feed, 2, size=64)
    threads, memory = threading.active_count(), 0
    for left in range(1000):
        for _ in loader:
            break
        assert threading.active_count() <= threads + 1
        if left == 100:
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Batches that nobody freed would take 90 MB.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < 30_000  # KiB
    assert threading.active_count() == threads
    assert loader.epoch == 1000


@pytest.mark.parametrize(
    ("stage", "error"),
    [
        ("_pool.gather", torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")),
        ("_draw", RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried")),
        ("_images.take", MemoryError()),
    ],
)
def test_memory_that_runs_out_while_a_batch_is_made_gets_one_sentence(
    noise_pool, monkeypatch, stage, error
):
    loader = Loader(noise_pool, 4, size=24)

    def run_out(*arguments):
        raise error

    *path, name = stage.split(".")
    owner = loader._maker
    for part in path:
        owner = getattr(owner, part)
    monkeypatch.setattr(owner, name, run_out)
    complaint = "cpu ran out of memory .* 4 images of 24 pixels .* smaller batch size or image size"
    with pytest.raises(InputError, match=complaint) as caught:
        next(iter(loader))
    assert "\n" not in str(caught.value)
    assert caught.value.__context__ is None  # it would hold on to what is in memory


def test_another_error_while_a_batch_is_made_is_raised_as_it_is(noise_pool, monkeypatch):
    loader = Loader(noise_pool, 4)

    def fail(*arguments):
        raise RuntimeError("an illegal memory access was encountered")

    monkeypatch.setattr(noise_pool, "gather", fail)
    with pytest.raises(RuntimeError, match="illegal memory access"):
        next(iter(loader))
