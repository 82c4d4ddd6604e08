"""Images in host memory: training sees what it would see if all lay on the device."""

import json
import logging
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from zeroreal.base import InputError
from zeroreal.generate import GenerateSettings
from zeroreal.kernels import AugmentRanges
from zeroreal.run import RunSettings, run
from zeroreal.train import DegradeRanges, Feed, ImagePool, Loader, PoolSettings, TrainSettings

CPU = torch.device("cpu")
STRONG = AugmentRanges(area=(0.5, 1.0), rotate=10, flip=0.5, shift=0.2, brightness=0.3, erase=0.3)
IMAGE_BYTES = 32 * 32 * 3  # of the embedded model
SMALL = RunSettings(
    images_per_class=4,
    device="cpu",
    generate=GenerateSettings(steps=1, engine="torch", precision="fp32", batch_size=20),
    pool=PoolSettings(blocks=2),
    train=TrainSettings(epochs=2, batch_size=16),
)


def noise_pool(host, device=CPU, count=14):
    """A full pool of images of noise, the last `host` slots in host memory."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (count, 16, 16, 3), dtype=torch.uint8, generator=generator)
    pool = ImagePool(count, 16, device, host=host)
    pool.add(images, range(count), range(count))
    return pool, images


@pytest.fixture
def fed(numbered):
    """A function that makes a loader of 20 samples for a pool of 8 and 4 spare slots."""

    def make(host, policy="oldest", **options):
        pool = ImagePool(8, 4, CPU, spare=4, host=host)
        plan = numbered.plan(20)
        feed = Feed(numbered(), plan, pool, block=4, policy=policy, mode="overlap")
        return Loader(feed, 3, epochs=4, seed=9, **options)

    return make


def all_of(loader):
    while not loader.is_finished:
        yield from loader


@pytest.mark.parametrize("host", [1, 5, 14])
@pytest.mark.parametrize("degrade", [None, DegradeRanges(resolution=8, noise=0.1)])
def test_batches_are_the_same_to_the_bit_wherever_the_images_lie(host, degrade, same):
    options = {"augment": STRONG, "degrade": degrade, "size": 12, "epochs": 3, "seed": 2}
    ours, theirs = (all_of(Loader(noise_pool(count)[0], 4, **options)) for count in (host, 0))
    same(list(ours), list(theirs))


def test_images_are_copied_only_where_one_of_them_lies_in_host_memory():
    pool, images = noise_pool(host=4)
    for slots, is_copied in (([9, 0, 3], False), ([13, 2, 10, 2], True), ([12], True)):
        rows = torch.tensor(slots)
        found, places = pool.gather(rows.numpy(), rows)
        assert (found.data_ptr() != pool.storage.data_ptr()) == is_copied
        assert torch.equal(found[places], images[rows])


@pytest.mark.parametrize("policy", ["keep", "oldest", "most-replayed"])
@pytest.mark.parametrize("host", [3, 7, 12])
def test_images_make_room_for_others_in_both_memories_alike(fed, numbered, host, policy, same):
    spilled, expected = fed(host, policy), fed(0, policy)
    batches = list(all_of(spilled))
    same(batches, list(all_of(expected)))
    assert spilled.pool.state_dict() == expected.pool.state_dict()
    for images, labels in batches:
        assert labels.tolist() == [sample % 2 for sample in numbered.numbers(images)]


@pytest.mark.parametrize("host", [0, 5])
def test_a_state_goes_on_wherever_the_images_lie(fed, host, same):
    before = fed(host=7, augment=STRONG)
    batches = all_of(before)
    for _ in range(4):
        next(batches)
    state = json.loads(json.dumps(before.state_dict()))
    after = fed(host, augment=STRONG)
    after.load_state_dict(state)
    same(list(all_of(after)), list(batches))


def test_what_was_written_is_kept_from_both_memories(fed, numbered, kept, monkeypatch):
    monkeypatch.setattr("zeroreal.train.pool.pool._COPIED_AT_ONCE", 3)
    before, after = fed(host=5).feed, fed(host=9).feed
    before.advance()
    before.advance()
    before.close()  # the next block is written, or a part of it
    images, _, samples = before.pool.written()
    assert samples[:8] == list(range(8))
    assert torch.equal(images, numbered.pictures(samples))
    first, _, few = before.pool.written(3, but={0, 2})
    assert few == [1, 3, 4]
    assert torch.equal(first, numbered.pictures(few))
    after.keep_in(kept(images, samples))
    after.advance()
    after.advance()
    after.close()
    assert torch.equal(after.pool.written(8)[0], images[:8])
    assert after.pool.written(8)[2] == samples[:8]


@pytest.mark.parametrize("host", [-1, 13])
def test_slots_in_host_memory_are_some_of_the_pool_s(host):
    with pytest.raises(InputError, match=f"host is {host}: it must be 0 to 12"):
        ImagePool(8, 4, CPU, spare=4, host=host)


@pytest.mark.slow
@pytest.mark.parametrize("on_device", [0, 13])
def test_a_run_that_spills_ends_with_the_weights_of_one_that_does_not(tmp_path, caplog, on_device):
    run(SMALL, tmp_path / "one")
    assert "host memory" not in caplog.text
    caplog.clear()
    pool = replace(SMALL.pool, memory=on_device * IMAGE_BYTES + 1, spill=100 * IMAGE_BYTES)
    with caplog.at_level(logging.WARNING, "zeroreal"):
        run(replace(SMALL, pool=pool), tmp_path / "other")
    said = f"{40 - on_device} of the pool's 40 images lie in host memory"
    assert [said in message for message in caplog.messages] == [True]
    ours, theirs = (
        load_file(tmp_path / name / "classifier.safetensors") for name in ("other", "one")
    )
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.gpu
@pytest.mark.parametrize("host", [1, 5, 14])
def test_batches_on_a_gpu_are_the_same_wherever_the_images_lie(host, same):
    device = torch.device("cuda")
    ours, theirs = (noise_pool(count, device)[0] for count in (host, 0))
    assert ours.host_storage.is_pinned()
    same(
        list(all_of(Loader(ours, 4, augment=STRONG, epochs=20))),
        list(all_of(Loader(theirs, 4, augment=STRONG, epochs=20))),
    )


@pytest.mark.gpu
@pytest.mark.parametrize("host", [3, 12])
def test_images_from_a_gpu_that_is_busy_are_waited_for(numbered, host):
    device = torch.device("cuda")
    busy = torch.randn(8192, 8192, device=device)
    pool = ImagePool(8, 4, device, spare=4, host=host)
    for sample in range(0, 400, 4):
        if len(pool) == 8:
            pool.evict(4, "oldest")
        with torch.cuda.stream(torch.cuda.Stream(device)):
            images = numbered.pictures(range(sample, sample + 4)).to(device)
            _ = busy @ busy
            pool.add(images, [0] * 4, range(sample, sample + 4))
        slots = pool.slots()
        pool.begin_reading(slots)
        found, rows = pool.gather(slots, torch.from_numpy(slots).to(device))
        shown = found[rows].cpu()
        pool.end_reading(slots)
        assert torch.equal(shown, numbered.pictures(pool.state_dict()["samples"]))
