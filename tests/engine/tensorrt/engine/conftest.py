"""Stand-ins for what TensorRT makes of a plan, and engines around them."""

import contextlib
import ctypes
from types import SimpleNamespace

import pytest
import torch

from zeroreal.engine.graph import DimensionRange, GraphFile, GraphSpec, TensorSpec
from zeroreal.engine.tensorrt import engine as tensorrt_engine
from zeroreal.engine.tensorrt.engine import TensorRTEngine
from zeroreal.engine.tensorrt.report import BuildReport, write_report

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


@pytest.fixture(name="stand_in_plan", scope="session")
def _stand_in_plan():
    return StandInPlan


@pytest.fixture(name="double", scope="session")
def _double():
    return DOUBLE


@pytest.fixture(name="report", scope="session")
def _report():
    return REPORT
