"""The eager torch engine, against the module's arithmetic."""

import pytest
import torch
import torch._inductor.config
from torch import nn

from zeroreal.base import InputError
from zeroreal.engine.graph import DimensionRange, GraphSpec, TensorSpec
from zeroreal.engine.torch.eager import TorchEngine

CPU = torch.device("cpu")


class Affine(nn.Module):
    """Twice the input and its sum with an offset; in training mode, nonsense."""

    def forward(self, values, offset):
        if self.training:
            return values, values
        return 2 * values, values + offset


AFFINE = GraphSpec(
    "affine",
    (
        TensorSpec("values", torch.float32, ("batch", 3)),
        TensorSpec("offset", torch.float32, (3,)),
    ),
    (
        TensorSpec("doubled", torch.float32, ("batch", 3)),
        TensorSpec("moved", torch.float32, ("batch", 3)),
    ),
)


VALUES = {"values": torch.tensor([[1.0, 2.0, 3.0]]), "offset": torch.tensor([1.0, 0.0, -1.0])}


def affine(**ranges):
    return TorchEngine(Affine(), AFFINE, CPU, {k: DimensionRange(*v) for k, v in ranges.items()})


def test_outputs_are_named_in_the_order_of_the_module():
    results = affine()(VALUES)
    assert list(results) == ["doubled", "moved"]
    assert results["doubled"].tolist() == [[2, 4, 6]]
    assert results["moved"].tolist() == [[2, 2, 2]]


def test_a_module_may_give_its_only_output_bare():
    spec = GraphSpec("relu", (TensorSpec("input", torch.float32, ("n",)),), AFFINE.outputs[:1])
    results = TorchEngine(nn.ReLU(), spec, CPU)({"input": torch.tensor([-1.0, 2.0])})
    assert results["doubled"].tolist() == [0, 2]


def test_results_go_into_the_buffers_that_the_caller_gives():
    buffer = torch.full((1, 3), torch.nan)
    results = affine()(VALUES, {"moved": buffer})
    assert results["moved"] is buffer
    assert buffer.tolist() == [[2, 2, 2]]
    assert results["doubled"].tolist() == [[2, 4, 6]]


def test_results_need_no_gradient():
    module = nn.Linear(3, 3)
    spec = GraphSpec("linear", (TensorSpec("input", torch.float32, ("n", 3)),), AFFINE.outputs[:1])
    results = TorchEngine(module, spec, CPU)({"input": torch.ones(2, 3)})
    assert not results["doubled"].requires_grad


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"offset": None}, "given the inputs values: it takes offset, values"),
        ({"offset": torch.zeros(3, dtype=torch.float64)}, "float64.*float32.*is needed"),
        ({"offset": torch.zeros(1, 3)}, "'offset' of affine is .*is needed"),
        ({"offset": torch.zeros(4)}, "3 is 3 here"),
        ({"values": torch.zeros(9, 3)}, "batch 9 is outside .* 1 to 8: give a size within it"),
    ],
)
def test_inputs_that_the_module_does_not_take_are_refused(changed, complaint):
    inputs = {name: t for name, t in {**VALUES, **changed}.items() if t is not None}
    with pytest.raises(InputError, match=complaint):
        affine(batch=(1, 4, 8))(inputs)


def test_an_output_that_the_module_does_not_give_is_refused():
    with pytest.raises(InputError, match="unknown output of affine 'mooved': did you mean 'moved'"):
        affine()(VALUES, {"mooved": torch.zeros(1, 3)})
