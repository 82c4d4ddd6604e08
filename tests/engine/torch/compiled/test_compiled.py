"""The compiled torch engine, against the module itself."""

import pytest
import torch
import torch._inductor.config

from zeroreal.base import InputError
from zeroreal.engine.cache import Cache
from zeroreal.engine.cuda_graph import CudaGraphEngine
from zeroreal.engine.graph import DimensionRange, GraphSpec, TensorSpec
from zeroreal.engine.torch import compiler
from zeroreal.engine.torch.compiled import compiled_engine


@pytest.fixture
def assert_equals_module(denoiser, denoiser_inputs):
    """A function that compares an engine, at some sizes, to the module."""

    def check(engine, batch, rows):
        inputs = denoiser_inputs(batch, rows)
        with torch.no_grad():
            expected = denoiser()(**inputs)
        results = engine(inputs)
        assert list(results) == ["next", "noise"]
        for result, wanted in zip(results.values(), expected, strict=True):
            torch.testing.assert_close(result, wanted, rtol=1e-4, atol=1e-5)

    return check


@pytest.mark.parametrize(("batch", "rows"), [(1, 1), (1, 2), (4, 8), (5, 7), (8, 16)])
def test_compiled_equals_the_module_at_every_size_of_the_profile(
    engine, batch, rows, assert_equals_module
):
    assert_equals_module(engine, batch, rows)


def test_compiled_takes_inputs_of_any_strides(engine, denoiser_inputs):
    inputs = denoiser_inputs(4, 8)
    expected = engine(inputs)
    inputs["latents"] = inputs["latents"].contiguous(memory_format=torch.channels_last)
    inputs["rows"] = torch.stack([inputs["rows"], inputs["rows"]], 1)[:, 0]
    for name, result in engine(inputs).items():
        assert result.equal(expected[name])


def test_compiled_leaves_its_inputs_and_fills_the_buffers_given(engine, denoiser_inputs):
    inputs = denoiser_inputs(4, 8)
    before = {name: tensor.clone() for name, tensor in inputs.items()}
    buffer = torch.full((4, 4, 4, 4), torch.nan)
    results = engine(inputs, {"next": buffer})
    assert results["next"] is buffer
    assert buffer.equal(engine(inputs)["next"])
    assert all(tensor.equal(before[name]) for name, tensor in inputs.items())


def test_sizes_outside_the_profile_are_refused_with_the_range(engine, denoiser_inputs):
    with pytest.raises(InputError, match=r"batch 9 .*1 to 8: .* build for a wider range"):
        engine(denoiser_inputs(9, 9))


def test_a_dimension_of_one_size_is_compiled_for_that_size(
    tmp_path, denoiser_inputs, compiled, assert_equals_module
):
    profile = {"batch": DimensionRange(3, 3, 3), "rows": DimensionRange(6, 6, 6)}
    fixed = compiled(Cache(tmp_path), profile=profile)
    assert_equals_module(fixed, 3, 6)
    with pytest.raises(InputError, match="batch 4 is outside"):
        fixed(denoiser_inputs(4, 6))


def test_without_a_compiler_the_error_comes_first_and_names_the_remedy(tmp_path, compiled, unmade):
    missing = torch._inductor.config.patch("cpp.cxx", ("no-such-compiler",))
    with (
        missing,
        pytest.raises(InputError, match=r"no C\+\+ compiler: install g\+\+ .* without compiling"),
    ):
        compiled(Cache(tmp_path), unmade)


def test_a_compiler_that_fails_is_quoted(tmp_path, compiled):
    compiler = tmp_path / "c++"
    compiler.write_text("#!/bin/sh\n[ $1 = --version ] || { echo 'omp.h: error 7' >&2; exit 1; }\n")
    compiler.chmod(0o755)
    failing = torch._inductor.config.patch("cpp.cxx", (str(compiler),))
    with failing, pytest.raises(InputError, match=r"the C\+\+ compiler says 'omp.h: error 7'"):
        compiled(Cache(tmp_path / "cache"))


@pytest.mark.gpu
def test_compiled_for_a_gpu_equals_the_module_also_inside_a_cuda_graph(
    tmp_path, denoiser_spec, denoiser, denoiser_inputs, unmade
):
    profile = {"batch": DimensionRange(4, 4, 4), "rows": DimensionRange(8, 8, 8)}
    device, cache = torch.device("cuda"), Cache(tmp_path)
    engine = compiled_engine(denoiser, denoiser_spec, profile, device, "1", cache)
    again = compiled_engine(unmade, denoiser_spec, profile, device, "1", cache)
    inputs = denoiser_inputs(4, 8)
    with torch.no_grad():
        expected = denoiser()(**inputs)
    on_gpu = {name: tensor.cuda() for name, tensor in inputs.items()}
    for each in (engine, again, CudaGraphEngine(engine)):
        for result, wanted in zip(each(on_gpu).values(), expected, strict=True):
            torch.testing.assert_close(result.cpu(), wanted, rtol=1e-2, atol=1e-2)  # TF32


@pytest.fixture
def convolution(tmp_path):
    """A function that compiles a convolution for some batches and gives engine and module."""

    def make(largest=16):
        torch.manual_seed(2)
        module = torch.nn.Conv2d(4, 4, 3, padding=1).eval()
        shape = ("batch", 4, 8, 8)
        spec = GraphSpec(
            "convolution",
            (TensorSpec("input", torch.float32, shape),),
            (TensorSpec("output", torch.float32, shape),),
        )
        profile = {"batch": DimensionRange(1, largest, largest)}
        cpu = torch.device("cpu")
        return compiled_engine(lambda: module, spec, profile, cpu, "1", Cache(tmp_path)), module

    return make


def test_a_range_that_ends_at_16_is_compiled_for_all_of_it(convolution):
    # There PyTorch tells apart which convolution it takes, and would fix the size.
    engine, module = convolution()
    for batch in (1, 5, 16):
        given = torch.randn(batch, 4, 8, 8, generator=torch.Generator().manual_seed(batch))
        torch.testing.assert_close(engine({"input": given})["output"], module(given))


def test_a_dimension_that_the_compiler_fixes_is_an_error(convolution, monkeypatch):
    monkeypatch.setattr(
        compiler,
        "_dynamic_shapes",
        lambda spec, profile: {"input": {0: torch.export.Dim("batch", min=1, max=16)}},
    )
    with pytest.raises(RuntimeError, match="convolution for batch 16 alone"):
        convolution()
