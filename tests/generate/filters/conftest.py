"""A filter for the tests of what filters are shown and told."""

import pytest
import torch

from zeroreal.generate import ImageFilter, Verdict


class Rejecting(ImageFilter):
    """Rejects the images whose first value is one of `values`; it remembers what it was given."""

    def __init__(self, reason, *values):
        self.reason, self.values = reason, values
        self.told = []

    def begin(self):
        self.told.append("begin")

    def __call__(self, images, specs):
        first = images[:, 0, 0, 0].tolist()
        self.told.append((first, [spec.label for spec in specs]))
        keep = torch.tensor([value not in self.values for value in first])
        return Verdict(keep, keep.float())

    def handed_over(self, rows):
        self.told.append(rows.tolist())


@pytest.fixture(scope="session")
def rejecting():
    """The class `Rejecting`."""
    return Rejecting
