"""Running plans: what TensorRT is told, with a stand-in for it."""

import importlib.util

import pytest
import torch

from zeroreal.engine.tensorrt.arena import ActivationArena

INSTALLED = [name for name in ("tensorrt", "tensorrt_rtx") if importlib.util.find_spec(name)]


pytestmark = pytest.mark.skipif(not INSTALLED, reason="TensorRT is not installed")


CPU = torch.device("cpu")


def test_results_are_new_tensors_unless_the_caller_gives_outputs(make, stand_in_plan):
    engine = make(stand_in_plan())
    x, y = torch.arange(6.0).reshape(2, 3), torch.zeros(2, 3)
    assert torch.equal(engine({"x": x})["y"], 2 * x)
    assert engine({"x": x}, {"y": y})["y"] is y
    assert torch.equal(y, 2 * x)


def test_strided_tensors_are_read_and_written_as_they_are(make, stand_in_plan):
    engine = make(stand_in_plan())
    x, y = torch.arange(6.0).reshape(3, 2).T, torch.zeros(3, 2).T
    assert engine({"x": x}, {"y": y})["y"] is y
    assert torch.equal(y, 2 * x)


def test_an_output_of_another_type_is_converted(make, stand_in_plan):
    y = torch.zeros(2, 3, dtype=torch.float16)
    make(stand_in_plan())({"x": torch.ones(2, 3)}, {"y": y})
    assert torch.equal(y, torch.full((2, 3), 2.0, dtype=torch.float16))


def test_each_size_keeps_its_context(make, stand_in_plan):
    plan = stand_in_plan()
    engine = make(plan)
    for batch in (2, 3, 2, 3, 2):
        engine({"x": torch.ones(batch, 3)})
    assert [context.shapes["x"] for context in plan.contexts] == [(2, 3), (3, 3)]
    assert [context.runs for context in plan.contexts] == [3, 2]


def test_engines_with_one_arena_run_in_the_same_memory(make, stand_in_plan):
    arena, plans = ActivationArena(CPU), [stand_in_plan(1000), stand_in_plan(9000)]
    engines = [make(plan, arena=arena) for plan in plans]
    for engine in engines:
        engine({"x": torch.ones(2, 3)})
    (first,), (second,) = (plan.contexts[0].memory for plan in plans)
    assert first == second
    assert first[1] == 9000


def test_contexts_follow_an_arena_that_grows(make, stand_in_plan):
    arena, plan = ActivationArena(CPU), stand_in_plan(1000)
    engine = make(plan, arena=arena)
    engine({"x": torch.ones(2, 3)})
    make(stand_in_plan(9000), arena=arena)
    engine({"x": torch.ones(2, 3)})
    engine({"x": torch.ones(2, 3)})
    assert [size for _, size in plan.contexts[0].memory] == [1000, 9000]


@pytest.mark.skipif(INSTALLED != ["tensorrt_rtx"], reason="only tensorrt_rtx compiles on the GPU")
def test_compiled_kernels_are_kept_for_the_next_process(make, tmp_path, stand_in_plan):
    file = tmp_path / "kernels" / "double.bin"
    engine = make(stand_in_plan(), kernels=file)
    engine({"x": torch.ones(2, 3)})
    assert file.read_bytes() == b"compiled "
    written = file.stat().st_mtime_ns
    engine({"x": torch.ones(2, 3)})
    assert file.stat().st_mtime_ns == written
    later = stand_in_plan()
    make(later, kernels=file)
    assert later.kernels.content == b"compiled "
