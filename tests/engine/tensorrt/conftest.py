"""A small graph for the tests of building."""

import functools

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from zeroreal.engine.graph import GraphFile, GraphSpec, TensorSpec


class Net(nn.Module):
    """The operators of a denoiser: indexed rows, convolution, group norm, attention."""

    def __init__(self, heads, head_size):
        super().__init__()
        width = heads * head_size
        self.heads, self.head_size = heads, head_size
        self.conv_in = nn.Conv2d(4, width, 3, padding=1)
        self.norm = nn.GroupNorm(4, width)
        self.project = nn.Linear(width, 3 * width)
        self.conv_out = nn.Conv2d(width, 4, 3, padding=1)

    def forward(self, latents, rows):
        hidden = F.silu(self.norm(self.conv_in(latents[rows])))
        projected = self.project(hidden.flatten(2).transpose(1, 2))
        queries, keys, values = projected.unflatten(2, (3, self.heads, self.head_size)).unbind(2)
        attended = F.scaled_dot_product_attention(
            queries.transpose(1, 2), keys.transpose(1, 2), values.transpose(1, 2)
        )
        attended = attended.transpose(1, 2).flatten(2).transpose(1, 2).unflatten(2, (8, 8))
        return self.conv_out(hidden + attended)


def spec(dtype):
    return GraphSpec(
        "net",
        (
            TensorSpec("latents", dtype, ("batch", 4, 8, 8)),
            TensorSpec("rows", torch.int64, ("rows",)),
        ),
        (TensorSpec("out", dtype, ("rows", 4, 8, 8)),),
    )


@pytest.fixture(scope="session")
def graph(tmp_path_factory):
    """Exports `Net` of a dtype, number of heads and head size, each once."""

    @functools.cache
    def export(dtype=torch.float16, heads=2, head_size=16):
        path = tmp_path_factory.mktemp("graph") / "net.onnx"
        torch.manual_seed(0)
        net = Net(heads, head_size).to(dtype).eval()
        batch, rows = torch.export.Dim("batch"), torch.export.Dim("rows")
        program = torch.onnx.export(
            net,
            (torch.zeros(3, 4, 8, 8, dtype=dtype), torch.zeros(5, dtype=torch.int64)),
            dynamo=True,
            opset_version=23,
            dynamic_shapes={"latents": {0: batch}, "rows": {0: rows}},
            output_names=["out"],
            verbose=False,
        )
        program.save(path, external_data=True)
        return GraphFile(path, spec(dtype), "structure", "weights")

    return export


@pytest.fixture(name="net_class", scope="session")
def _net_class():
    return Net


@pytest.fixture(name="spec_of", scope="session")
def _spec_of():
    return spec
