"""A small network that tells colours apart, its description and its ONNX file."""

import pytest
import torch
import torch.nn.functional as F
from coloured import COLOURS, coloured
from torch import nn

from zeroreal.export.classifier.description import Description
from zeroreal.export.classifier.files import write_onnx
from zeroreal.export.classifier.gate import Case
from zeroreal.export.classifier.graph import ClassifierGraph

SIDE = 16
MEAN, DEVIATION = (0.5, 0.4, 0.45), (0.2, 0.25, 0.3)
TEMPERATURE = 1.7


class Block(nn.Module):
    """A residual block, with what networks are made of."""

    def __init__(self):
        super().__init__()
        self.conv1, self.norm1 = nn.Conv2d(16, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16)
        self.conv2, self.norm2 = nn.Conv2d(16, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16)

    def forward(self, x):
        y = F.relu(self.norm1(self.conv1(x)))
        return F.relu(x + self.norm2(self.conv2(y)))


def normalised(images):
    """By hand, what the network was trained on."""
    mean, deviation = (torch.tensor(one).view(3, 1, 1) for one in (MEAN, DEVIATION))
    return (images.permute(0, 3, 1, 2).float() / 255 - mean) / deviation


@pytest.fixture(scope="session")
def network():
    torch.manual_seed(0)
    stem = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU())
    pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    model = nn.Sequential(stem, nn.MaxPool2d(2), Block(), pool, nn.Linear(16, len(COLOURS)))
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    images, labels = coloured(128, SIDE)
    for _ in range(25):
        optimizer.zero_grad()
        F.cross_entropy(model(normalised(images)), labels).backward()
        optimizer.step()
    return model.eval().requires_grad_(False)


@pytest.fixture(scope="session")
def normalise():
    """What brings images, uint8 `[N, S, S, 3]`, to what the network takes."""
    return normalised


@pytest.fixture(scope="session")
def predicted(network):
    """What PyTorch gives for images of the network's size, uint8 `[N, S, S, 3]`."""
    return lambda images: (network(normalised(images)) / TEMPERATURE).softmax(1).numpy()


@pytest.fixture(scope="session")
def graph(network):
    return ClassifierGraph(network, SIDE, MEAN, DEVIATION, TEMPERATURE).eval()


@pytest.fixture(scope="session")
def description():
    return Description(
        classes=tuple(COLOURS),
        prompts=tuple(f"a {name} card" for name in COLOURS),
        image_size=SIDE,
        accuracy=0.75,
        tested_images=40,
        tested_on="cards/",
        temperature=TEMPERATURE,
        reject_score=None,
        reject_threshold=None,
        run_digest="ab" * 32,
        zeroreal_version="1.2",
    )


@pytest.fixture(scope="session")
def onnx_file(graph, description, tmp_path_factory):
    path = tmp_path_factory.mktemp("onnx") / "model.onnx"
    write_onnx(graph, description, path)
    return path


@pytest.fixture(scope="session")
def case(predicted):
    images, labels = coloured(100, SIDE, seed=1)
    return Case("cards", images.numpy(), predicted(images), labels.numpy())
