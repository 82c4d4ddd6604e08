"""`group_norm_silu` as an operator: what it refuses, its contract, compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from zeroreal.kernels import references_only
from zeroreal.kernels._group_norm_silu import (
    TWO_READS,
    group_norm_silu,
    group_norm_silu_native,
    group_norm_silu_reference,
)


@pytest.mark.parametrize("function", [group_norm_silu, group_norm_silu_reference])
@pytest.mark.parametrize(
    ("images", "weight", "bias", "groups", "shift", "message"),
    [
        (torch.zeros(8, 4, 4), torch.ones(8), torch.ones(8), 2, None, r"must be \[B, C, H, W\]"),
        (torch.zeros(1, 8, 4, 4).double(), torch.ones(8), torch.ones(8), 2, None, "not torch.flo"),
        (torch.zeros(1, 8, 4, 4), torch.ones(8), torch.ones(8), 3, None, "8 channels .* 3 groups"),
        (torch.zeros(1, 8, 4, 4), torch.ones(8), torch.ones(8), 0, None, "8 channels .* 0 groups"),
        (torch.zeros(1, 8, 4, 4), torch.ones(7), torch.ones(8), 2, None, r"weight .* \(7,\)"),
        (torch.zeros(1, 8, 4, 4), torch.ones(8), torch.ones(8).half(), 2, None, "bias .*float16"),
        (torch.zeros(3, 8, 4, 4), torch.ones(8), torch.ones(8), 2, torch.ones(8), "shift must be"),
        (torch.zeros(1, 6145, 1, 1), torch.ones(6145), torch.ones(6145), 1, None, "not 6145"),
    ],
)
def test_what_does_not_go_together_is_refused(
    function: Callable[..., Tensor],
    images: Tensor,
    weight: Tensor,
    bias: Tensor,
    groups: int,
    shift: Tensor | None,
    message: str,
) -> None:
    with pytest.raises(ValueError, match=message):
        function(images, weight, bias, groups, 1e-5, True, shift)


def test_a_way_of_the_native_library_is_not_measured_without_it() -> None:
    images, ones = torch.zeros(1, 8, 4, 4), torch.ones(8)
    with references_only(), pytest.raises(RuntimeError, match="on cpu: run must be 0"):
        group_norm_silu_native(images, ones, ones, 2, 1e-5, run=TWO_READS)


def test_the_operator_is_well_formed(random_inputs: Callable[..., Any]) -> None:
    operator = torch.ops.zeroreal.group_norm_silu.default
    images, weight, bias, shift = random_inputs((2, 12, 5, 3), torch.float32)
    torch.library.opcheck(operator, (images, weight, bias, 3, 1e-5, True, shift))
    torch.library.opcheck(operator, (images.contiguous(), weight, bias, 3, 1e-5))


def test_fake_and_meta_tensors_give_shapes_and_strides_only() -> None:
    with FakeTensorMode():
        images, weight = torch.empty(2, 8, 6, 4).half(), torch.empty(8).half()
        fake = group_norm_silu(images, weight, weight, 4, 1e-5)
    meta = group_norm_silu(images.to("meta"), weight.to("meta"), weight.to("meta"), 4, 1e-5)
    for out in (fake, meta):
        assert out.shape == (2, 8, 6, 4)
        assert out.dtype == torch.float16
        assert out.is_contiguous(memory_format=torch.channels_last)


def test_torch_compile_keeps_it_in_one_graph(random_inputs: Callable[..., Any]) -> None:
    images, weight, bias, _ = random_inputs((2, 12, 5, 3), torch.float32)

    def block(images: Tensor) -> Tensor:
        return group_norm_silu(images * 2, weight, bias, 3, 1e-5) + images

    compiled = torch.compile(block, fullgraph=True, backend="aot_eager")
    assert torch.equal(compiled(images), block(images))
