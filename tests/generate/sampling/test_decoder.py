"""Decoding: batches of its own, less where memory is short, and what is no picture."""

from types import SimpleNamespace

import pytest
import torch

from zeroreal.generate.filters.pictures import FAULTS
from zeroreal.generate.sampling.decoder import Decoder


class Vae:
    """Latents of one channel to images of their values; it remembers its batches.

    More than `most` at once are too many for its memory.
    """

    device = torch.device("cpu")
    spec = SimpleNamespace()

    def __init__(self, most=100):
        self.most, self.batches = most, []

    def __call__(self, inputs, outputs=None):
        latents = inputs["latents"]
        if len(latents) > self.most:
            raise torch.OutOfMemoryError(f"{len(latents)} latents")
        self.batches.append(len(latents))
        return {"images": latents.expand(-1, 3, -1, -1)}


def latents(count, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, 1, 8, 8, generator=generator) * 2 - 1


def pixels(values):
    """What `latents` decode to: uint8 `[B, 8, 8, 3]`."""
    levels = (values * 0.5 + 0.5).mul(255).round().to(torch.uint8)
    return levels.permute(0, 2, 3, 1).expand(-1, -1, -1, 3)


def test_images_are_decoded_in_batches_of_their_own_and_keep_their_order():
    vae, given = Vae(), latents(10)
    decoded = Decoder(vae, image_size=8, batch_size=4)(given)
    assert vae.batches == [4, 4, 2]
    assert torch.equal(decoded.images, pixels(given))
    assert decoded.faults.tolist() == [0] * 10


@pytest.mark.parametrize("shape", [(8, 13), (13, 8), (9, 8)])
def test_images_that_are_not_square_are_cut_to_their_middle_and_not_squeezed(shape):
    generator = torch.Generator().manual_seed(0)
    given = torch.rand(3, 1, *shape, generator=generator) * 2 - 1
    decoded = Decoder(Vae(), image_size=8, batch_size=2)(given)
    top, left = ((side - 8) // 2 for side in shape)
    assert torch.equal(decoded.images, pixels(given[..., top : top + 8, left : left + 8]))


def test_out_of_memory_halves_the_batch_and_loses_no_image(caplog):
    vae, given = Vae(most=3), latents(10)
    decoder = Decoder(vae, image_size=8, batch_size=8)
    assert torch.equal(decoder(given).images, pixels(given))
    assert vae.batches == [2] * 5
    assert decoder.batch_size == 2
    assert [record.getMessage() for record in caplog.records][-1].endswith("going on with 2")
    decoder(given)
    assert len(caplog.records) == 2  # from 8 to 4, and to 2; nothing the second time


def test_one_image_that_does_not_fit_is_an_error():
    with pytest.raises(torch.OutOfMemoryError):
        Decoder(Vae(most=0), image_size=8, batch_size=2)(latents(2))


def test_blank_and_clipped_images_and_those_with_a_value_that_is_not_finite_are_no_pictures():
    given = latents(7)
    given[1] = 0.25  # grey
    given[2, 0, 3, 3] = float("nan")
    given[3, 0, 0, 0] = float("inf")
    given[4] = float("nan")
    given[5] = given[5].sign() * 9
    found = Decoder(Vae(), image_size=8, batch_size=4)(given).faults
    said = [FAULTS[fault] for fault in found.tolist()]
    assert said == ["", "blank", "nan", "nan", "nan", "saturated", ""]
