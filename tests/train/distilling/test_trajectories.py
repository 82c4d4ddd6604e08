"""Trajectories on disk: those that somebody else changed are made anew."""

import pytest
import torch

from zeroreal.base.sealed import sealed
from zeroreal.train.distilling.trajectories import TrajectoryFolder

STEPS = (0, 2)


class Generator:
    """One step adds 1 to latents of zeros."""

    batch_size = 2

    def trajectories(self, specs):
        return torch.arange(3.0)[:, None, None, None, None].expand(3, len(specs), 4, 1, 1)


def make(folder):
    return TrajectoryFolder(folder, "id").make(Generator(), range(3), STEPS, lambda state: None)


@pytest.mark.parametrize(
    "tensors",
    [
        {"other": torch.ones(3, 2, 4, 1, 1).half()},
        {"latents": torch.ones(2, 2, 4, 1, 1).half()},
        {"latents": torch.ones(3, 1, 4, 1, 1).half()},
        {"latents": torch.ones(3, 2, 4, 1, 1)},
        {"latents": torch.ones(3, 2).half()},
    ],
)
def test_other_content_with_a_right_digest_is_made_anew(tmp_path, tensors):
    made = make(tmp_path)
    assert made[:, :, 0, 0, 0].tolist() == [[0, 2]] * 3
    (path,) = tmp_path.iterdir()
    path.write_bytes(sealed(tensors, "id"))
    assert torch.equal(make(tmp_path), made)


def test_what_is_there_serves(tmp_path):
    make(tmp_path)
    (path,) = tmp_path.iterdir()
    theirs = torch.full((3, 2, 4, 1, 1), 5.0).half()
    path.write_bytes(sealed({"latents": theirs}, "id"))
    assert torch.equal(make(tmp_path), theirs)
