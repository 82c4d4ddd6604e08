"""Plans that cannot be loaded here."""

import contextlib
import importlib.util

import pytest
import torch

from zeroreal.base.errors import InputError
from zeroreal.engine.graph import DimensionRange
from zeroreal.engine.tensorrt.plan import deserialize
from zeroreal.engine.tensorrt.report import PLAN, BuildReport

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


def test_a_plan_for_another_gpu_or_library_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr("zeroreal.engine.tensorrt.plan.gpu_target", lambda device: "sm_86")
    with pytest.raises(InputError, match="is for sm_89 and tensorrt_rtx 0, here are sm_86 and"):
        deserialize(tmp_path, REPORT, CPU)


def test_a_damaged_plan_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr("zeroreal.engine.tensorrt.plan.gpu_target", lambda device: "sm_89")
    monkeypatch.setattr("zeroreal.engine.tensorrt.plan.library_version", lambda: REPORT.library)
    monkeypatch.setattr(torch.cuda, "device", lambda device: contextlib.nullcontext())
    (tmp_path / PLAN).write_bytes(b"no plan" * 100)
    with pytest.raises(InputError, match=r"cannot load the plan .*: build it again"):
        deserialize(tmp_path, REPORT, CPU)
