"""A small denoiser, compiled once."""

import pytest
import torch
import torch._inductor.config
import torch.nn.functional as F
from torch import nn

from zeroreal.engine.cache import Cache
from zeroreal.engine.graph import DimensionRange, GraphSpec, TensorSpec
from zeroreal.engine.torch.compiled import compiled_engine

CPU = torch.device("cpu")


class Denoiser(nn.Module):
    """In miniature what the denoise graph does: rows of a batch, convolution, attention."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(4, 16, 3, padding=1)
        self.out = nn.Conv2d(16, 4, 1)

    def forward(self, latents, context, rows):
        hidden = F.silu(self.conv(latents[rows]))  # [rows, 16, 4, 4]
        queries = hidden.flatten(2).transpose(1, 2).unsqueeze(1)  # [rows, 1, 16, 16]
        keys = context.unsqueeze(1)
        attended = F.scaled_dot_product_attention(queries, keys, keys)
        hidden = hidden + attended.squeeze(1).transpose(1, 2).unflatten(2, (4, 4))
        noise = self.out(hidden)
        return latents - noise[-latents.shape[0] :], noise


DENOISER = GraphSpec(
    "denoiser",
    (
        TensorSpec("latents", torch.float32, ("batch", 4, 4, 4)),
        TensorSpec("context", torch.float32, ("rows", 7, 16)),
        TensorSpec("rows", torch.int64, ("rows",)),
    ),
    (
        TensorSpec("next", torch.float32, ("batch", 4, 4, 4)),
        TensorSpec("noise", torch.float32, ("rows", 4, 4, 4)),
    ),
)


PROFILE = {"batch": DimensionRange(1, 4, 8), "rows": DimensionRange(1, 8, 16)}


def denoiser():
    torch.manual_seed(1)
    return Denoiser()


def denoiser_inputs(batch, rows):
    generator = torch.Generator().manual_seed(batch + 100 * rows)
    return {
        "latents": torch.randn(batch, 4, 4, 4, generator=generator),
        "context": torch.randn(rows, 7, 16, generator=generator),
        "rows": torch.arange(rows) % batch,
    }


def compiled(cache, make_module=denoiser, digest="1", profile=PROFILE):
    return compiled_engine(make_module, DENOISER, profile, CPU, digest, cache)


class MadeError(Exception):
    """The module was made, which only a build does."""


def unmade():
    raise MadeError


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    """A cache that holds the denoiser, compiled in inference mode as a generator's call may do."""
    cache = Cache(tmp_path_factory.mktemp("cache"))
    with torch.inference_mode():
        compiled(cache)
    return cache


@pytest.fixture(scope="session")
def engine(cache):
    return compiled(cache, unmade)


@pytest.fixture(name="denoiser_spec", scope="session")
def _denoiser_spec():
    return DENOISER


@pytest.fixture(name="denoiser", scope="session")
def _denoiser():
    return denoiser


@pytest.fixture(name="denoiser_inputs", scope="session")
def _denoiser_inputs():
    return denoiser_inputs


@pytest.fixture(name="compiled", scope="session")
def _compiled():
    return compiled


@pytest.fixture(name="made_error", scope="session")
def _made_error():
    return MadeError


@pytest.fixture(name="unmade", scope="session")
def _unmade():
    return unmade
