"""What a plan cannot be run with: sizes, tensors, weights and devices that do not fit."""

import importlib.util
from dataclasses import replace

import pytest
import torch

from zeroreal.base.errors import InputError
from zeroreal.engine.cache import Cache
from zeroreal.engine.graph import TensorSpec
from zeroreal.engine.tensorrt.engine import load_tensorrt
from zeroreal.engine.tensorrt.report import write_report

INSTALLED = [name for name in ("tensorrt", "tensorrt_rtx") if importlib.util.find_spec(name)]


pytestmark = pytest.mark.skipif(not INSTALLED, reason="TensorRT is not installed")


CPU = torch.device("cpu")


def test_a_size_outside_the_profile_is_told_its_range_and_how_to_build(make, stand_in_plan):
    plan = stand_in_plan()
    with pytest.raises(InputError, match=r"batch 9 .* 1 to 8: .*zeroreal build DIR .*--batch"):
        make(plan)({"x": torch.ones(9, 3)})
    assert plan.made == 0


def test_unusable_tensors_are_refused_before_tensorrt_sees_them(make, stand_in_plan):
    plan = stand_in_plan()
    engine = make(plan)
    with pytest.raises(InputError, match="unknown output of double 'z'"):
        engine({"x": torch.ones(2, 3)}, {"z": torch.ones(2, 3)})
    with pytest.raises(InputError, match="input 'x' of double is on meta: move it to cpu"):
        engine({"x": torch.ones(2, 3, device="meta")})
    assert plan.made == 0


def test_a_plan_of_another_graph_is_refused(make, stand_in_plan, double):
    spec = replace(double.spec, outputs=(TensorSpec("z", torch.float32, ("batch", 3)),))
    with pytest.raises(InputError, match="the plan of double has the tensors x, y, not x, z"):
        make(stand_in_plan(), replace(double, spec=spec))


def test_a_plan_that_cannot_be_refitted_takes_no_other_weights(make, stand_in_plan, double):
    with pytest.raises(InputError, match="holds other weights"):
        make(stand_in_plan(), replace(double, weights_digest="others"))


def test_a_refittable_plan_takes_no_other_architecture(
    make, tmp_path, stand_in_plan, double, report
):
    write_report(replace(report, refittable=True), tmp_path)
    other = replace(double, structure_digest="others", weights_digest="others")
    with pytest.raises(InputError, match="not of the architecture"):
        make(stand_in_plan(), other)


def test_tensorrt_runs_on_no_cpu(tmp_path, double, report):
    with pytest.raises(InputError, match="runs on CUDA devices, not on 'cpu'"):
        load_tensorrt(double, report.profile, CPU, Cache(tmp_path))
