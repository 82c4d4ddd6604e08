"""The compiled torch engine, against the module itself."""

import os
import pickle
import shutil
import subprocess
import sys

import pytest
import torch
import torch._inductor.config
import torch.nn.functional as F
from torch import nn

from zeroreal.base import InputError, device
from zeroreal.engine.cache import Cache
from zeroreal.engine.cuda_graph import CudaGraphEngine
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


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """A cache that holds the denoiser, compiled in inference mode as a generator's call may do."""
    cache = Cache(tmp_path_factory.mktemp("cache"))
    with torch.inference_mode():
        compiled(cache)
    return cache


@pytest.fixture(scope="module")
def engine(cache):
    return compiled(cache, unmade)


def assert_equals_module(engine, batch, rows):
    inputs = denoiser_inputs(batch, rows)
    with torch.no_grad():
        expected = denoiser()(**inputs)
    results = engine(inputs)
    assert list(results) == ["next", "noise"]
    for result, wanted in zip(results.values(), expected, strict=True):
        torch.testing.assert_close(result, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("batch", "rows"), [(1, 1), (1, 2), (4, 8), (5, 7), (8, 16)])
def test_compiled_equals_the_module_at_every_size_of_the_profile(engine, batch, rows):
    assert_equals_module(engine, batch, rows)


def test_compiled_takes_inputs_of_any_strides(engine):
    inputs = denoiser_inputs(4, 8)
    expected = engine(inputs)
    inputs["latents"] = inputs["latents"].contiguous(memory_format=torch.channels_last)
    inputs["rows"] = torch.stack([inputs["rows"], inputs["rows"]], 1)[:, 0]
    for name, result in engine(inputs).items():
        assert result.equal(expected[name])


def test_compiled_leaves_its_inputs_and_fills_the_buffers_given(engine):
    inputs = denoiser_inputs(4, 8)
    before = {name: tensor.clone() for name, tensor in inputs.items()}
    buffer = torch.full((4, 4, 4, 4), torch.nan)
    results = engine(inputs, {"next": buffer})
    assert results["next"] is buffer
    assert buffer.equal(engine(inputs)["next"])
    assert all(tensor.equal(before[name]) for name, tensor in inputs.items())


def test_sizes_outside_the_profile_are_refused_with_the_range(engine):
    with pytest.raises(InputError, match=r"batch 9 .*1 to 8: .* build for a wider range"):
        engine(denoiser_inputs(9, 9))


def test_another_process_loads_it_without_compiler_and_model_libraries(cache, engine, tmp_path):
    inputs = denoiser_inputs(4, 8)
    handed_over = (cache.root, DENOISER, PROFILE, inputs, engine(inputs))
    (tmp_path / "handed_over").write_bytes(pickle.dumps(handed_over))
    script = """
import pickle, sys, torch
from pathlib import Path
from zeroreal.engine.cache import Cache
from zeroreal.engine.torch.compiled import compiled_engine

root, spec, profile, inputs, expected = pickle.loads(Path(sys.argv[1]).read_bytes())
engine = compiled_engine(None, spec, profile, torch.device("cpu"), "1", Cache(root))
print(all(result.equal(expected[name]) for name, result in engine(inputs).items()))
print({"diffusers", "transformers", "torch._inductor", "torch._dynamo"} & set(sys.modules))
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "handed_over")],
        env={**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())},
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == ["True", "set()"], done.stderr


def test_the_package_is_all_that_a_cache_entry_holds(cache):
    (entry,) = cache.entries()
    files = {path.name for path in entry.path.rglob("*") if path.is_file()}
    assert files == {"model.pt2", "entry.json"}


@pytest.mark.parametrize(
    "changed",
    [{"digest": "2"}, {"profile": {**PROFILE, "batch": DimensionRange(1, 4, 9)}}],
    ids=["other weights", "wider profile"],
)
def test_what_differs_is_compiled_again(cache, changed):
    with pytest.raises(MadeError):
        compiled(cache, unmade, **changed)
    assert len(cache.entries()) == 1, "a build that fails leaves nothing"
    assert not list((cache.root / "partial").iterdir())


def test_a_package_compiled_with_another_number_of_threads_is_not_used(cache):
    threads = torch.get_num_threads()
    torch.set_num_threads(threads + 1)
    try:
        with pytest.raises(MadeError):
            compiled(cache, unmade)
    finally:
        torch.set_num_threads(threads)


def test_a_package_for_a_cpu_with_other_instructions_is_not_used(cache, monkeypatch):
    monkeypatch.setattr(device, "_cpu_fields", lambda: {"flags": "fpu sse2"})
    with pytest.raises(MadeError):
        compiled(cache, unmade)


def test_a_damaged_package_is_not_used(cache, tmp_path):
    copy = Cache(shutil.copytree(cache.root, tmp_path / "copy"))
    (package,) = copy.root.rglob("model.pt2")
    content = bytearray(package.read_bytes())
    content[len(content) // 2] ^= 1
    package.write_bytes(content)
    with pytest.raises(MadeError):
        compiled(copy, unmade)


def test_a_dimension_of_one_size_is_compiled_for_that_size(tmp_path):
    profile = {"batch": DimensionRange(3, 3, 3), "rows": DimensionRange(6, 6, 6)}
    fixed = compiled(Cache(tmp_path), profile=profile)
    assert_equals_module(fixed, 3, 6)
    with pytest.raises(InputError, match="batch 4 is outside"):
        fixed(denoiser_inputs(4, 6))


def test_without_a_compiler_the_error_comes_first_and_names_the_remedy(tmp_path):
    missing = torch._inductor.config.patch("cpp.cxx", ("no-such-compiler",))
    with (
        missing,
        pytest.raises(InputError, match=r"no C\+\+ compiler: install g\+\+ .* without compiling"),
    ):
        compiled(Cache(tmp_path), unmade)


def test_a_compiler_that_fails_is_quoted(tmp_path):
    compiler = tmp_path / "c++"
    compiler.write_text("#!/bin/sh\n[ $1 = --version ] || { echo 'omp.h: error 7' >&2; exit 1; }\n")
    compiler.chmod(0o755)
    failing = torch._inductor.config.patch("cpp.cxx", (str(compiler),))
    with failing, pytest.raises(InputError, match=r"the C\+\+ compiler says 'omp.h: error 7'"):
        compiled(Cache(tmp_path / "cache"))


@pytest.mark.gpu
def test_compiled_for_a_gpu_equals_the_module_also_inside_a_cuda_graph(tmp_path):
    profile = {"batch": DimensionRange(4, 4, 4), "rows": DimensionRange(8, 8, 8)}
    device, cache = torch.device("cuda"), Cache(tmp_path)
    engine = compiled_engine(denoiser, DENOISER, profile, device, "1", cache)
    again = compiled_engine(unmade, DENOISER, profile, device, "1", cache)
    inputs = denoiser_inputs(4, 8)
    with torch.no_grad():
        expected = denoiser()(**inputs)
    on_gpu = {name: tensor.cuda() for name, tensor in inputs.items()}
    for each in (engine, again, CudaGraphEngine(engine)):
        for result, wanted in zip(each(on_gpu).values(), expected, strict=True):
            torch.testing.assert_close(result.cpu(), wanted, rtol=1e-2, atol=1e-2)  # TF32
