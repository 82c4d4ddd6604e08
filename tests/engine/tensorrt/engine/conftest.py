"""Stand-ins for what TensorRT makes of a plan, and engines around them."""

from functools import partial
from types import SimpleNamespace

import pytest
import torch
from contract_plan import ContractPlan
from stand_in_cuda import stand_in_cuda

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


class StandInKernels:
    """Holds what it was given, and whatever the contexts compile."""

    def __init__(self):
        self.content = b""

    def deserialize(self, content):
        self.content = content

    def serialize(self):
        return self.content


class StandInPlan(ContractPlan):
    """A plan that doubles `x` into `y`; it holds its contexts and the kernels that they compile."""

    def __init__(self, cuda, memory=1000):
        super().__init__(DOUBLE.spec, lambda x: {"y": 2 * x}, cuda, memory)
        self.kernels, self.runs = StandInKernels(), []

    def create_runtime_config(self):
        return SimpleNamespace(
            set_execution_context_allocation_strategy=lambda strategy: None,
            create_runtime_cache=lambda: self.kernels,
            set_runtime_cache=lambda kernels: None,
        )

    def create_execution_context(self, config):
        self.kernels.content += b"compiled "
        return self.make()


@pytest.fixture
def cuda(monkeypatch):
    """A GPU whose tensors lie on the CPU."""
    cuda = stand_in_cuda(monkeypatch)
    with cuda.watched():
        yield cuda
    assert cuda.faults == []


@pytest.fixture
def make(cuda, monkeypatch, tmp_path):
    """Makes an engine on the CPU around a stand-in plan."""
    write_report(REPORT, tmp_path)

    def make(plan, graph=DOUBLE, **options):
        monkeypatch.setattr(tensorrt_engine, "deserialize", lambda *_: plan)
        return TensorRTEngine(tmp_path, graph, CPU, **options)

    return make


@pytest.fixture
def stand_in_plan(cuda):
    """A function that makes a plan."""
    return partial(StandInPlan, cuda)


@pytest.fixture(name="double", scope="session")
def _double():
    return DOUBLE


@pytest.fixture(name="report", scope="session")
def _report():
    return REPORT
