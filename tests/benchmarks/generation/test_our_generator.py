"""Our generator as a contender: with our kernels, or with PyTorch in their place."""

import pytest

from zeroreal.benchmarks.generation.contender import parse_contender
from zeroreal.benchmarks.generation.job import GenerationJob
from zeroreal.benchmarks.generation.our_generator import OurGenerator
from zeroreal.export import find_model
from zeroreal.kernels import native_library_status
from zeroreal.kernels._operators import NativeKernel


@pytest.mark.parametrize(
    ("contender", "native"), [("ours:torch/fp32", True), ("ours:torch/fp32/unfused", False)]
)
def test_unfused_no_kernel_of_ours_computes(contender, native, monkeypatch, tmp_path):
    if not native_library_status()["cpu"].loaded:
        pytest.skip("the native library is not built")
    calls = []
    plain = NativeKernel.__call__

    def call(self, *arguments):
        calls.append(plain(self, *arguments))
        return calls[-1]

    monkeypatch.setattr(NativeKernel, "__call__", call)
    job = GenerationJob(find_model(None), (32, 32), 1, 1, None, "on", "base", "cpu", tmp_path)
    OurGenerator(job, parse_contender(contender), 1).images(job.specs())
    assert len(calls) > 10
    assert set(calls) == {native}
