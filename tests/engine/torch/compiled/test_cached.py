"""The compiled engine in the cache: when it is taken from there, and when compiled again."""

import os
import pickle
import shutil
import subprocess
import sys

import pytest
import torch
import torch._inductor.config

from zeroreal.base import device
from zeroreal.engine.cache import Cache
from zeroreal.engine.graph import DimensionRange

PROFILE = {"batch": DimensionRange(1, 4, 8), "rows": DimensionRange(1, 8, 16)}


@pytest.mark.slow
def test_another_process_loads_it_without_compiler_and_model_libraries(
    cache, engine, tmp_path, denoiser_spec, denoiser_inputs
):
    inputs = denoiser_inputs(4, 8)
    handed_over = (cache.root, denoiser_spec, PROFILE, inputs, engine(inputs))
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
def test_what_differs_is_compiled_again(cache, changed, compiled, made_error, unmade):
    with pytest.raises(made_error):
        compiled(cache, unmade, **changed)
    assert len(cache.entries()) == 1, "a build that fails leaves nothing"
    assert not list((cache.root / "partial").iterdir())


def test_a_package_compiled_with_another_number_of_threads_is_not_used(
    cache, compiled, made_error, unmade
):
    threads = torch.get_num_threads()
    torch.set_num_threads(threads + 1)
    try:
        with pytest.raises(made_error):
            compiled(cache, unmade)
    finally:
        torch.set_num_threads(threads)


def test_a_package_for_a_cpu_with_other_instructions_is_not_used(
    cache, monkeypatch, compiled, made_error, unmade
):
    monkeypatch.setattr(device, "_cpu_fields", lambda: {"flags": "fpu sse2"})
    with pytest.raises(made_error):
        compiled(cache, unmade)


def test_a_damaged_package_is_not_used(cache, tmp_path, compiled, made_error, unmade):
    copy = Cache(shutil.copytree(cache.root, tmp_path / "copy"))
    (package,) = copy.root.rglob("model.pt2")
    content = bytearray(package.read_bytes())
    content[len(content) // 2] ^= 1
    package.write_bytes(content)
    with pytest.raises(made_error):
        compiled(copy, unmade)
