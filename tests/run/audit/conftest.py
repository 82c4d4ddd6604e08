"""An encoder that knows colours, in place of one that was trained."""

import pytest
import torch
from coloured import COLOURS

from zeroreal.encoders import DualEncoder
from zeroreal.encoders.dual_encoder import Towers
from zeroreal.run.audit import yardsticks

_DIRECTIONS = torch.tensor([[200.0, 60, 50], [60, 180, 70], [50, 70, 190], [128, 128, 128]]) - 110


def _embed_images(images):
    """The mean colour of each image, away from a grey of 110."""
    return images.float().mean((2, 3)) - 110


def _embed_texts(texts):
    """The colour that a text names; of texts without one, each another."""
    rows = []
    for text in texts:
        named = [place for place, name in enumerate(COLOURS) if name in text]
        torch.manual_seed(len(text))
        rows.append(_DIRECTIONS[named[0]] if named else torch.randn(3))
    return torch.stack(rows)


@pytest.fixture
def colour_encoder(monkeypatch):
    """What an audit loads for any name; gives the names that were asked for."""
    asked = []

    def load(name, device):
        asked.append(name)
        towers = Towers(
            "colours",
            _embed_images,
            _embed_texts,
            lambda texts: [1] * len(texts),
            context_length=99,
            image_size=16,
            scale=10.0,
            bias=0.0,
            dtype=torch.float32,
            is_sigmoid=False,
        )
        return DualEncoder(str(name), towers, device)

    monkeypatch.setattr(yardsticks, "load_encoder", load)
    return asked


@pytest.fixture
def dataset(write_dataset, tmp_path):
    """A function that writes images and labels as folders of classes."""

    def write(name, images, labels):
        return write_dataset(tmp_path / name, "folders", images, labels, list(COLOURS))

    return write
