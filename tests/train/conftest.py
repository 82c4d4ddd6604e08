"""Images that say which sample they are, for tests of what reaches training and when."""

import threading
import time

import pytest
import torch
from timm.data.constants import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD

from zeroreal.generate import ImageBatch, SampleSpec

SIDE = 4


class NumberedImages:
    """A source whose images are the colour (n % 256, n // 256, 0) for sample n: no diffusion.

    `seconds` is how long a batch takes, `blank` the samples that are left out, `broken` the one
    that cannot be generated.
    """

    device = torch.device("cpu")

    def __init__(self, batch_size=3, seconds=0.0, blank=(), broken=None):
        self.batch_size, self.seconds, self.blank, self.broken = batch_size, seconds, blank, broken
        self.generated = []
        self.threads = set()

    def generate(self, specs, done=()):
        todo = [spec for spec in specs if spec.index not in done]
        for begin in range(0, len(todo), self.batch_size):
            batch = todo[begin : begin + self.batch_size]
            time.sleep(self.seconds)
            if self.broken in [spec.index for spec in batch]:
                raise RuntimeError(f"sample {self.broken} cannot be generated")
            self.generated += [spec.index for spec in batch]
            self.threads.add(threading.current_thread().name)
            kept = tuple(spec for spec in batch if spec.index not in self.blank)
            if not kept:
                continue
            labels = torch.tensor([spec.label for spec in kept])
            yield ImageBatch(kept, self.pictures([spec.index for spec in kept]), labels)

    @staticmethod
    def plan(count, classes=2):
        """The specs of samples 0, 1, ..., their labels in turn."""
        return [SampleSpec(n, n % classes, "", "", 1.0, n) for n in range(count)]

    @staticmethod
    def pictures(numbers):
        """The images of samples: uint8 `[B, 4, 4, 3]`."""
        colours = torch.tensor([[n % 256, n // 256, 0] for n in numbers], dtype=torch.uint8)
        return colours[:, None, None].expand(-1, SIDE, SIDE, -1).contiguous()

    @staticmethod
    def numbers(images):
        """The samples that a normalised batch, `[B, 3, S, S]`, shows."""
        mean, std = torch.tensor(IMAGENET_DEFAULT_MEAN), torch.tensor(IMAGENET_DEFAULT_STD)
        colours = (images.float() * std[:, None, None] + mean[:, None, None]) * 255
        assert (colours - colours[..., :1, :1]).abs().max() < 0.01  # one colour each
        red, green, _ = colours[..., 0, 0].round().long().unbind(1)
        return (red + 256 * green).tolist()


@pytest.fixture(scope="session")
def numbered():
    """The class `NumberedImages`."""
    return NumberedImages
