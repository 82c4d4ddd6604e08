"""Generation holds as much memory after many batches as after a few."""

import gc
from dataclasses import replace

import pytest
import torch


def live_bytes():
    """Of all tensors that anybody holds."""
    gc.collect()
    storages = {}
    for thing in gc.get_objects():
        if type(thing) in (torch.Tensor, torch.nn.Parameter) and thing.layout is torch.strided:
            storage = thing.untyped_storage()
            storages[storage.data_ptr()] = storage.nbytes()
    return sum(storages.values())


@pytest.mark.slow
def test_as_much_is_allocated_after_batch_300_as_after_batch_3(generator, specs, tiny_model):
    """With prompts and guidance that differ, and new prompts all along."""
    ours = generator(model=str(tiny_model("sd15")), steps=1, batch_size=2, image_size=8)
    wanted = [
        replace(spec, seed=number, prompt=f"{spec.prompt} number {number}")
        for number, spec in enumerate(specs(count=12) * 51)
    ]
    held = {}
    for number, _ in enumerate(ours.generate(wanted), start=1):
        if number in (3, 300):
            held[number] = live_bytes()
    assert held[300] == held[3] > 0


@pytest.mark.gpu
def test_memory_after_the_third_batch_is_that_after_many(generator, specs):
    ours = generator(device="cuda", steps=1, batch_size=2)
    held = []
    for batch in ours.generate(specs("merged", 90)):
        del batch
        held.append(torch.cuda.memory_allocated())
    assert held[-2] == held[3]
