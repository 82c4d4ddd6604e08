"""CUDA graphs: which shapes are recorded and kept, and on a GPU, that replays compute anew."""

import pytest
import torch
from stand_in_cuda import stand_in_cuda
from torch import nn

from zeroreal.base import InputError
from zeroreal.engine.cuda_graph import CudaGraphEngine
from zeroreal.engine.graph import DimensionRange, GraphSpec, TensorSpec
from zeroreal.engine.recording import GraphMemory
from zeroreal.engine.torch.eager import TorchEngine

SPEC = GraphSpec(
    "mixer",
    (
        TensorSpec("values", torch.float32, ("batch", 8)),
        TensorSpec("rows", torch.int64, ("rows",)),
    ),
    (
        TensorSpec("mixed", torch.float32, ("rows", 8)),
        TensorSpec("squares", torch.float32, ("batch", 8)),
    ),
)


class Mixer(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.linear = nn.Linear(8, 8)

    def forward(self, values, rows):
        return self.linear(values)[rows], values * values


def inputs(batch, rows, seed=0, device="cpu"):
    generator = torch.Generator().manual_seed(seed)
    return {
        "values": torch.randn(batch, 8, generator=generator).to(device),
        "rows": torch.randint(batch, (rows,), generator=generator).to(device),
    }


def expected(given):
    with torch.no_grad():
        mixed, squares = Mixer()(**{name: tensor.cpu() for name, tensor in given.items()})
    return {"mixed": mixed, "squares": squares}


def test_an_engine_on_the_cpu_is_refused():
    with pytest.raises(InputError, match="mixer is on cpu, CUDA graphs need a CUDA device"):
        CudaGraphEngine(TorchEngine(Mixer(), SPEC, torch.device("cpu")))


@pytest.fixture
def cuda(monkeypatch):
    cuda = stand_in_cuda(monkeypatch)
    # Its tensors lie on the CPU.
    monkeypatch.setattr("zeroreal.engine.graph._same", lambda one, other: True)
    with cuda.watched():
        yield cuda
    assert cuda.faults == []


class Counted(TorchEngine):
    """A mixer that says it is on a GPU; it remembers the shapes that it was run for."""

    def __init__(self, profile=None):
        super().__init__(Mixer(), SPEC, torch.device("cpu"), profile)
        self.device, self.runs = torch.device("cuda"), []

    def __call__(self, inputs, outputs=None):
        self.runs.append((len(inputs["values"]), len(inputs["rows"])))
        return super().__call__(inputs, outputs)


def runs_of(graphed, counted, batch, rows, seed=0):
    """How often a call runs the engine, its results checked: once; twice to record it; or not."""
    before, given = len(counted.runs), inputs(batch, rows, seed, "cuda")
    torch.testing.assert_close(graphed(given), expected(given))
    return len(counted.runs) - before


def test_shapes_run_as_they_are_are_recorded_when_they_come_again_and_then_replayed(cuda):
    counted = Counted()
    graphed = CudaGraphEngine(counted)
    shapes = [(3, 3), (3, 4), (3, 3), (3, 3), (3, 4), (3, 3), (3, 4)]
    runs = [runs_of(graphed, counted, *shape, seed) for seed, shape in enumerate(shapes)]
    assert runs == [1, 1, 2, 0, 2, 0, 0]


def test_batches_smaller_than_the_largest_are_never_recorded(cuda):
    counted = Counted()
    graphed = CudaGraphEngine(counted)
    assert [runs_of(graphed, counted, batch, 3) for batch in (2, 4, 2, 2, 4, 2)] == [
        1,
        1,
        1,
        1,
        2,
        1,
    ]


def test_a_larger_batch_that_did_not_run_is_not_the_largest(cuda):
    counted = Counted(profile={"batch": DimensionRange(1, 2, 4)})
    graphed = CudaGraphEngine(counted)
    with pytest.raises(InputError, match=r"batch 5 is outside .* 1 to 4"):
        graphed(inputs(5, 3))
    assert [runs_of(graphed, counted, 4, 3) for _ in range(3)] == [1, 2, 0]


def test_the_shapes_not_used_for_longest_are_dropped(cuda):
    counted = Counted()
    graphed = CudaGraphEngine(counted, most_shapes=2)
    runs = [runs_of(graphed, counted, 2, rows) for rows in (1, 2, 3, 1, 2, 1, 3, 1, 2)]
    assert runs == [1, 1, 1, 2, 2, 0, 2, 0, 2]


def test_results_lie_in_buffers_that_the_next_call_overwrites_unless_the_caller_gives_some(cuda):
    engine = CudaGraphEngine(Counted())
    engine(inputs(2, 3, device="cuda"))
    first = engine(inputs(2, 3, seed=1, device="cuda"))
    own = torch.empty(2, 8, device="cuda")
    second = engine(inputs(2, 3, seed=2, device="cuda"), {"squares": own})
    third = engine(inputs(2, 3, seed=3, device="cuda"))
    assert first["mixed"] is second["mixed"] is third["mixed"]
    assert second["squares"] is own
    assert torch.equal(own, expected(inputs(2, 3, seed=2))["squares"])


def test_inputs_are_left_as_they_were_and_may_have_any_strides(cuda):
    given = inputs(8, 3, device="cuda")
    given["values"] = given["values"].T
    before, engine = given["values"].clone(), CudaGraphEngine(Counted())
    for _ in range(3):
        torch.testing.assert_close(engine(given), expected({**given, "values": before}))
        assert torch.equal(given["values"], before)


def on_gpu(memory=None, most_shapes=4):
    engine = TorchEngine(Mixer(), SPEC, torch.device("cuda"))
    return CudaGraphEngine(engine, memory, most_shapes)


def assert_follows_inputs(engine, batch, rows, seed):
    given = inputs(batch, rows, seed, "cuda")
    results = {name: result.cpu() for name, result in engine(given).items()}
    torch.testing.assert_close(results, expected(given), rtol=1e-4, atol=1e-5)


@pytest.mark.gpu
def test_replays_compute_from_the_new_inputs_at_every_shape():
    engine = on_gpu()
    for seed in range(4):
        for batch, rows in ((64, 3), (64, 128), (1, 1)):
            assert_follows_inputs(engine, batch, rows, seed)


@pytest.mark.gpu
def test_shapes_that_were_dropped_are_recorded_again():
    engine = on_gpu(most_shapes=1)
    for seed, rows in enumerate((1, 1, 64, 64, 1, 1)):
        assert_follows_inputs(engine, 2, rows, seed)


@pytest.mark.gpu
def test_graphs_that_share_memory_leave_the_results_of_each_other_alone():
    memory = GraphMemory.on(torch.device("cuda"))
    first, second = on_gpu(memory), on_gpu(memory)
    given, other = inputs(64, 128, 1, "cuda"), inputs(32, 256, 2, "cuda")
    for _ in range(3):
        first(given)
        kept = second(other)
    first(inputs(64, 128, 3, "cuda"))
    kept = {name: result.cpu() for name, result in kept.items()}
    torch.testing.assert_close(kept, expected(other), rtol=1e-4, atol=1e-5)


@pytest.mark.gpu
def test_work_is_ordered_with_the_stream_of_the_caller():
    engine = on_gpu()
    for _ in range(2):
        engine(inputs(4, 4, 0, "cuda"))
    given = inputs(4, 4, 1, "cuda")
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        torch.cuda._sleep(
            10_000_000
        )  # cycles: the work before is unfinished when the replay starts
        values = given["values"] * 2
        result = engine({**given, "values": values})["squares"].clone()
    side.synchronize()
    torch.testing.assert_close(result.cpu(), expected(given)["squares"] * 4)
