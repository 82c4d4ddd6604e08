"""Running plans: what TensorRT is told, with a stand-in for it."""

import gc
import importlib.util

import pytest
import torch

from zeroreal.engine import GraphMemory, record
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
    assert plan.made == 2


def test_so_many_contexts_are_kept_and_the_one_not_used_for_longest_goes_first(make, stand_in_plan):
    plan = stand_in_plan()
    engine = make(plan, most_contexts=3)
    made = []
    for batch in (1, 2, 3, 1, 4, 1, 2):
        assert torch.equal(engine({"x": torch.ones(batch, 3)})["y"], torch.full((batch, 3), 2.0))
        made.append(plan.made)
        assert len(plan.contexts) <= 3
    assert made == [1, 2, 3, 3, 4, 4, 5]


def test_a_context_lives_as_long_as_a_graph_that_was_recorded_with_it(make, stand_in_plan):
    plan = stand_in_plan()
    engine = make(plan, most_contexts=1)
    x, y = torch.zeros(2, 3, device="cuda"), torch.zeros(2, 3, device="cuda")
    graph = record(lambda: engine({"x": x}, {"y": y}), GraphMemory.on(CPU))
    engine({"x": torch.ones(3, 3)})
    assert len(plan.contexts) == 2
    x.fill_(4)
    graph.replay()
    assert torch.equal(y, torch.full((2, 3), 8.0))
    torch.cuda.synchronize()
    del graph
    gc.collect()
    assert len(plan.contexts) == 1


def test_tensors_that_do_not_begin_where_tensorrt_wants_are_copied(make, stand_in_plan):
    engine = make(stand_in_plan())
    x, y = torch.arange(12.0).reshape(4, 3)[1:], torch.zeros(4, 3)
    assert engine({"x": x}, {"y": y[1:]})["y"].data_ptr() == y[1:].data_ptr()
    assert torch.equal(y, torch.cat([torch.zeros(1, 3), 2 * x]))


def test_on_the_default_stream_it_runs_on_one_of_its_own_and_in_order(make, stand_in_plan, cuda):
    engine, x = make(stand_in_plan()), torch.zeros(2, 3, device="cuda")
    assert torch.cuda.current_stream().cuda_stream == 0
    y = engine({"x": x.add_(1)})["y"].add(1)
    x.zero_()
    assert torch.equal(y, torch.full((2, 3), 3.0))
    with torch.cuda.stream(torch.cuda.Stream()):
        torch.cuda.current_stream().wait_stream(torch.cuda.default_stream())
        engine({"x": x})
    assert cuda.faults == []
    torch.cuda.synchronize()


def test_engines_with_one_arena_run_in_the_same_memory(make, stand_in_plan):
    arena, plans = ActivationArena(CPU), [stand_in_plan(1000), stand_in_plan(9000)]
    engines = [make(plan, arena=arena) for plan in plans]
    for engine in engines:
        engine({"x": torch.ones(2, 3)})
    first, second = (context.memory for plan in plans for context in plan.contexts)
    assert first == second
    assert first[1] == 9000


def test_contexts_follow_an_arena_that_grows(make, stand_in_plan):
    arena, plan = ActivationArena(CPU), stand_in_plan(1000)
    engine = make(plan, arena=arena)
    engine({"x": torch.ones(2, 3)})
    (context,) = plan.contexts
    assert context.memory[1] == 1000
    make(stand_in_plan(9000), arena=arena)
    engine({"x": torch.ones(2, 3)})
    assert context.memory[1] == 9000


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
