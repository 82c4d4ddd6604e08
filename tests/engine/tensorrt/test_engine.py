"""Running plans: what TensorRT is told, with a stand-in for it."""

import contextlib
import ctypes
import importlib.util
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from zeroreal.base.errors import InputError
from zeroreal.engine.cache import Cache
from zeroreal.engine.graph import DimensionRange, GraphFile, GraphSpec, TensorSpec
from zeroreal.engine.tensorrt import engine as tensorrt_engine
from zeroreal.engine.tensorrt.arena import ActivationArena
from zeroreal.engine.tensorrt.engine import TensorRTEngine, load_tensorrt
from zeroreal.engine.tensorrt.report import BuildReport, write_report

INSTALLED = [name for name in ("tensorrt", "tensorrt_rtx") if importlib.util.find_spec(name)]


pytestmark = pytest.mark.skipif(not INSTALLED, reason="TensorRT is not installed")


CPU = torch.device("cpu")


REPORT = BuildReport(
    graph="double",
    structure_digest="structure",
    weights_digest="weights",
    library="tensorrt_rtx 0",
    target="sm_89",
    profile={"batch": DimensionRange(1, 4, 8)},
    refittable=False,
    seconds=1.0,
    plan_bytes=0,
    weight_bytes=0,
    activation_bytes=0,
    layers=(),
    attention=(),
)


DOUBLE = GraphFile(
    path=None,
    spec=GraphSpec(
        "double",
        (TensorSpec("x", torch.float32, ("batch", 3)),),
        (TensorSpec("y", torch.float32, ("batch", 3)),),
    ),
    structure_digest="structure",
    weights_digest="weights",
)


def floats(address, count):
    return (ctypes.c_float * count).from_address(address)


class StandInContext:
    """Doubles `x` into `y` through the addresses that it was told."""

    def __init__(self):
        self.shapes, self.addresses, self.memory, self.runs = {}, {}, [], 0

    def set_input_shape(self, name, shape):
        assert name not in self.shapes, "graphs recorded with this context would be invalid"
        self.shapes[name] = shape

    def set_device_memory(self, address, size):
        self.memory.append((address, size))

    def set_tensor_address(self, name, address):
        self.addresses[name] = address

    def execute_async_v3(self, stream):
        assert self.memory
        self.runs += 1
        count = self.shapes["x"][0] * self.shapes["x"][1]
        x, y = (floats(self.addresses[name], count) for name in "xy")
        y[:] = [2 * value for value in x]
        return True


class StandInKernels:
    """Holds what it was given, and whatever the contexts compile."""

    def __init__(self):
        self.content = b""

    def deserialize(self, content):
        self.content = content

    def serialize(self):
        return self.content


class StandInPlan:
    """An engine of TensorRT's, as far as ours uses it."""

    num_io_tensors = 2

    def __init__(self, memory=1000):
        self.device_memory_size_v2 = memory
        self.contexts, self.kernels = [], StandInKernels()

    def get_tensor_name(self, index):
        return "xy"[index]

    def get_tensor_dtype(self, name):
        return SimpleNamespace(name="FLOAT")

    def get_tensor_shape(self, name):
        return (-1, 3)

    def create_runtime_config(self):
        return SimpleNamespace(
            set_execution_context_allocation_strategy=lambda strategy: None,
            create_runtime_cache=lambda: self.kernels,
            set_runtime_cache=lambda kernels: None,
        )

    def create_execution_context(self, config):
        self.kernels.content += b"compiled "
        self.contexts.append(StandInContext())
        return self.contexts[-1]


@pytest.fixture
def make(monkeypatch, tmp_path):
    """Makes an engine on the CPU around a stand-in plan."""
    write_report(REPORT, tmp_path)
    monkeypatch.setattr(torch.cuda, "device", lambda device: contextlib.nullcontext())
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: SimpleNamespace(cuda_stream=0))
    monkeypatch.setattr(torch.cuda, "synchronize", lambda *_: pytest.fail("it waits"))

    def make(plan, graph=DOUBLE, **options):
        monkeypatch.setattr(tensorrt_engine, "deserialize", lambda *_: plan)
        return TensorRTEngine(tmp_path, graph, CPU, **options)

    return make


def test_results_are_new_tensors_unless_the_caller_gives_outputs(make):
    engine = make(StandInPlan())
    x, y = torch.arange(6.0).reshape(2, 3), torch.zeros(2, 3)
    assert torch.equal(engine({"x": x})["y"], 2 * x)
    assert engine({"x": x}, {"y": y})["y"] is y
    assert torch.equal(y, 2 * x)


def test_strided_tensors_are_read_and_written_as_they_are(make):
    engine = make(StandInPlan())
    x, y = torch.arange(6.0).reshape(3, 2).T, torch.zeros(3, 2).T
    assert engine({"x": x}, {"y": y})["y"] is y
    assert torch.equal(y, 2 * x)


def test_an_output_of_another_type_is_converted(make):
    y = torch.zeros(2, 3, dtype=torch.float16)
    make(StandInPlan())({"x": torch.ones(2, 3)}, {"y": y})
    assert torch.equal(y, torch.full((2, 3), 2.0, dtype=torch.float16))


def test_each_size_keeps_its_context(make):
    plan = StandInPlan()
    engine = make(plan)
    for batch in (2, 3, 2, 3, 2):
        engine({"x": torch.ones(batch, 3)})
    assert [context.shapes["x"] for context in plan.contexts] == [(2, 3), (3, 3)]
    assert [context.runs for context in plan.contexts] == [3, 2]


def test_a_size_outside_the_profile_is_told_its_range_and_how_to_build(make):
    plan = StandInPlan()
    with pytest.raises(InputError, match=r"batch 9 .* 1 to 8: .*zeroreal build DIR .*--batch"):
        make(plan)({"x": torch.ones(9, 3)})
    assert plan.contexts == []


def test_engines_with_one_arena_run_in_the_same_memory(make):
    arena, plans = ActivationArena(CPU), [StandInPlan(1000), StandInPlan(9000)]
    engines = [make(plan, arena=arena) for plan in plans]
    for engine in engines:
        engine({"x": torch.ones(2, 3)})
    (first,), (second,) = (plan.contexts[0].memory for plan in plans)
    assert first == second
    assert first[1] == 9000


def test_contexts_follow_an_arena_that_grows(make):
    arena, plan = ActivationArena(CPU), StandInPlan(1000)
    engine = make(plan, arena=arena)
    engine({"x": torch.ones(2, 3)})
    make(StandInPlan(9000), arena=arena)
    engine({"x": torch.ones(2, 3)})
    engine({"x": torch.ones(2, 3)})
    assert [size for _, size in plan.contexts[0].memory] == [1000, 9000]


@pytest.mark.skipif(INSTALLED != ["tensorrt_rtx"], reason="only tensorrt_rtx compiles on the GPU")
def test_compiled_kernels_are_kept_for_the_next_process(make, tmp_path):
    file = tmp_path / "kernels" / "double.bin"
    engine = make(StandInPlan(), kernels=file)
    engine({"x": torch.ones(2, 3)})
    assert file.read_bytes() == b"compiled "
    written = file.stat().st_mtime_ns
    engine({"x": torch.ones(2, 3)})
    assert file.stat().st_mtime_ns == written
    later = StandInPlan()
    make(later, kernels=file)
    assert later.kernels.content == b"compiled "


def test_unusable_tensors_are_refused_before_tensorrt_sees_them(make):
    plan = StandInPlan()
    engine = make(plan)
    with pytest.raises(InputError, match="unknown output of double 'z'"):
        engine({"x": torch.ones(2, 3)}, {"z": torch.ones(2, 3)})
    with pytest.raises(InputError, match="input 'x' of double is on meta: move it to cpu"):
        engine({"x": torch.ones(2, 3, device="meta")})
    assert plan.contexts == []


def test_a_plan_of_another_graph_is_refused(make):
    spec = replace(DOUBLE.spec, outputs=(TensorSpec("z", torch.float32, ("batch", 3)),))
    with pytest.raises(InputError, match="the plan of double has the tensors x, y, not x, z"):
        make(StandInPlan(), replace(DOUBLE, spec=spec))


def test_a_plan_that_cannot_be_refitted_takes_no_other_weights(make):
    with pytest.raises(InputError, match="holds other weights"):
        make(StandInPlan(), replace(DOUBLE, weights_digest="others"))


def test_a_refittable_plan_takes_no_other_architecture(make, tmp_path):
    write_report(replace(REPORT, refittable=True), tmp_path)
    other = replace(DOUBLE, structure_digest="others", weights_digest="others")
    with pytest.raises(InputError, match="not of the architecture"):
        make(StandInPlan(), other)


def test_tensorrt_runs_on_no_cpu(tmp_path):
    with pytest.raises(InputError, match="runs on CUDA devices, not on 'cpu'"):
        load_tensorrt(DOUBLE, REPORT.profile, CPU, Cache(tmp_path))
