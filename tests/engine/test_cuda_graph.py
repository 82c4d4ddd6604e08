"""CUDA graphs: which shapes are recorded and kept, and on a GPU, that replays compute anew."""

import pytest
import torch
from torch import nn

from zeroreal.base import InputError
from zeroreal.engine import cuda_graph
from zeroreal.engine.cuda_graph import CudaGraphEngine, GraphMemory
from zeroreal.engine.graph import DimensionRange, GraphSpec, TensorSpec
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


class Replay:
    """In place of a CUDA graph: computes from and into the buffers that it was recorded with."""

    def __init__(self, engine, buffers, outputs):
        self.replay = lambda: engine(buffers, outputs)


class Recorder:
    """A graphed engine on the CPU whose recordings are counted: their input shapes, in order."""

    def __init__(self, monkeypatch, most_shapes=4, profile=None):
        self.recorded = []
        monkeypatch.setattr(cuda_graph, "_record", self.record)
        monkeypatch.setattr(torch.cuda, "synchronize", lambda device: None)
        engine = TorchEngine(Mixer(), SPEC, torch.device("cpu"), profile)
        memory = GraphMemory(pool=None, stream=None)
        engine.device = torch.device("cuda")  # to be taken at all; its tensors are on the CPU
        self.engine = CudaGraphEngine(engine, memory, most_shapes)
        engine.device = self.engine.device = torch.device("cpu")

    def record(self, engine, memory, given):
        self.recorded.append((len(given["values"]), len(given["rows"])))
        buffers = {name: torch.empty_like(tensor) for name, tensor in given.items()}
        outputs = {name: torch.empty_like(tensor) for name, tensor in engine(given).items()}
        return cuda_graph._Recorded(Replay(engine, buffers, outputs), buffers, outputs)


def test_each_set_of_shapes_is_recorded_once(monkeypatch):
    recorder = Recorder(monkeypatch)
    for seed, (batch, rows) in enumerate([(2, 3), (2, 4), (3, 3), (2, 3), (3, 3)]):
        given = inputs(batch, rows, seed)
        torch.testing.assert_close(recorder.engine(given), expected(given))
    assert recorder.recorded == [(2, 3), (2, 4), (3, 3)]


def test_the_shapes_not_used_for_longest_are_dropped(monkeypatch):
    recorder = Recorder(monkeypatch, most_shapes=2)
    for rows in (1, 2, 1, 3, 1, 2):
        recorder.engine(inputs(2, rows))
    assert recorder.recorded == [(2, 1), (2, 2), (2, 3), (2, 2)]


def test_results_lie_in_buffers_that_the_next_call_overwrites_unless_the_caller_gives_some(
    monkeypatch,
):
    engine = Recorder(monkeypatch).engine
    first = engine(inputs(2, 3, seed=1))
    own = torch.empty(2, 8)
    second = engine(inputs(2, 3, seed=2), {"squares": own})
    third = engine(inputs(2, 3, seed=3))
    assert first["mixed"] is second["mixed"] is third["mixed"]
    assert second["squares"] is own
    assert own.equal(expected(inputs(2, 3, seed=2))["squares"])


def test_inputs_are_left_as_they_were_and_may_have_any_strides(monkeypatch):
    given = inputs(8, 3)
    given["values"] = given["values"].T
    before = given["values"].clone()
    result = Recorder(monkeypatch).engine(given)
    torch.testing.assert_close(result, expected({**given, "values": before}))
    assert given["values"].equal(before)


def test_sizes_outside_the_profile_are_refused_before_anything_is_recorded(monkeypatch):
    recorder = Recorder(monkeypatch, profile={"batch": DimensionRange(1, 2, 4)})
    with pytest.raises(InputError, match=r"batch 5 is outside .* 1 to 4"):
        recorder.engine(inputs(5, 3))
    assert recorder.recorded == []


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
    for seed in range(3):
        for batch, rows in ((2, 3), (64, 128), (1, 1)):
            assert_follows_inputs(engine, batch, rows, seed)


@pytest.mark.gpu
def test_shapes_that_were_dropped_are_recorded_again():
    engine = on_gpu(most_shapes=1)
    for seed, rows in enumerate((1, 64, 1)):
        assert_follows_inputs(engine, 2, rows, seed)


@pytest.mark.gpu
def test_graphs_that_share_memory_leave_the_results_of_each_other_alone():
    memory = GraphMemory.on(torch.device("cuda"))
    first, second = on_gpu(memory), on_gpu(memory)
    given, other = inputs(64, 128, 1, "cuda"), inputs(32, 256, 2, "cuda")
    first(given)
    kept = second(other)
    first(inputs(64, 128, 3, "cuda"))
    kept = {name: result.cpu() for name, result in kept.items()}
    torch.testing.assert_close(kept, expected(other), rtol=1e-4, atol=1e-5)


@pytest.mark.gpu
def test_work_is_ordered_with_the_stream_of_the_caller():
    engine = on_gpu()
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
