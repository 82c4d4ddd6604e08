"""The average that is used is that of weights and statistics after every update, by its formula."""

import pytest
import torch

from zeroreal.train import Trainer, TrainSettings

DECAY = 0.6  # the fourth update is the first that would have a higher one


class Recorder:
    """Keeps the trained weights as they are after each update."""

    def __init__(self):
        self.updates = []

    def save(self, state):
        self.updates.append({name: value.clone() for name, value in state["model"].items()})

    def load(self):
        return None


def average_by_hand(updates):
    """In float64: update n weighs 1 in n^(2/3), and never less than 1 - DECAY; counts are copied.

    So the weights before the first update have no share.
    """
    average = {}
    for number, values in enumerate(updates, start=1):
        share = max(1 - DECAY, number ** (-2 / 3))
        for name, value in values.items():
            if name in average and value.is_floating_point():
                average[name] = (1 - share) * average[name] + share * value.double()
            else:
                average[name] = value.double()
    return average


@pytest.mark.parametrize(("accumulate", "updates"), [(1, 9), (2, 6)])
def test_weights_and_batch_norm_statistics_are_averaged_over_all_updates(accumulate, updates):
    settings = TrainSettings(
        epochs=3, batch_size=8, accumulate=accumulate, learning_rate=0.05, ema_decay=DECAY
    )
    ours = Trainer(num_classes=2, image_size=32, settings=settings, device="cpu", precision="fp32")
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (24, 32, 32, 3), dtype=torch.uint8, generator=generator)
    recorder = Recorder()
    ours.fit(images, torch.arange(24) % 2, states=recorder, state_seconds=0)
    assert len(recorder.updates) == updates

    used = ours.model.state_dict()
    torch.testing.assert_close(
        {name: value.double() for name, value in used.items()},
        average_by_hand(recorder.updates),
        rtol=1e-5,
        atol=1e-6,
    )
    # Nothing above would notice an average of what stays the same.
    last = recorder.updates[-1]
    moving = [name for name, value in last.items() if value.is_floating_point()]
    assert all((used[name] - last[name]).abs().max() > 1e-4 for name in moving)
    assert {int(v) for name, v in used.items() if name.endswith("num_batches_tracked")} == {9}
