"""`group_norm_silu` against PyTorch's own operations in float64."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from zeroreal.kernels._group_norm_silu import group_norm_silu, group_norm_silu_reference

# Rounding to the dtype, at values of a few units.
TOLERANCES = {torch.float32: 5e-6, torch.float16: 4e-3, torch.bfloat16: 3e-2}

# [B, C, H, W] and the number of groups
SIZES = [
    ((3, 64, 8, 8), 16),
    ((1, 320, 32, 32), 32),
    ((2, 33, 65, 64), 11),
    ((9, 6, 3, 1), 3),
    ((2, 30, 7, 5), 1),
    ((2, 5, 1, 1), 1),
    ((1, 2560, 2, 3), 32),
]


def random_inputs(
    shape: tuple[int, ...], dtype: torch.dtype, mean: float = 0.0
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Images, channels last, with weight, bias and shift."""
    generator = torch.Generator().manual_seed(3)

    def normal(*size: int) -> Tensor:
        return torch.randn(size, generator=generator)

    batch, channels = shape[:2]
    images = (normal(*shape) * 2 + mean).to(dtype).contiguous(memory_format=torch.channels_last)
    weight, bias, shift = normal(channels), normal(channels), normal(batch, channels)
    return images, weight.to(dtype), bias.to(dtype), shift.to(dtype)


def expected(
    images: Tensor,
    weight: Tensor,
    bias: Tensor,
    groups: int,
    eps: float,
    silu: bool = True,
    shift: Tensor | None = None,
) -> Tensor:
    """The definition, in float64."""
    values = images.double()
    if shift is not None:
        values = values + shift.double()[:, :, None, None]
    values = F.group_norm(values, groups, weight.double(), bias.double(), eps)
    return values * values.sigmoid() if silu else values


def assert_near(actual: Tensor, wanted: Tensor, dtype: torch.dtype) -> None:
    assert actual.dtype == dtype
    assert actual.shape == wanted.shape
    assert actual.is_contiguous(memory_format=torch.channels_last)
    tolerance = TOLERANCES[dtype]
    torch.testing.assert_close(actual.double(), wanted, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("function", [group_norm_silu, group_norm_silu_reference])
@pytest.mark.parametrize("dtype", list(TOLERANCES))
@pytest.mark.parametrize(("shape", "groups"), SIZES)
def test_equals_the_definition(
    function: Callable[..., Tensor], shape: tuple[int, ...], groups: int, dtype: torch.dtype
) -> None:
    images, weight, bias, shift = random_inputs(shape, dtype)
    for silu in (True, False):
        for added in (shift, None):
            arguments = (images, weight, bias, groups, 1e-5, silu, added)
            assert_near(function(*arguments), expected(*arguments), dtype)


@pytest.mark.parametrize(
    "view",
    [
        lambda x: x.contiguous(),
        lambda x: x[1:, :, 1:, 2:],
        lambda x: x.transpose(2, 3),
        lambda x: x[:1].expand(4, -1, -1, -1),
        lambda x: x[:, 3:21],
    ],
    ids=["contiguous", "offset", "transposed", "one-image", "some-channels"],
)
def test_strides_are_followed(view: Callable[[Tensor], Tensor]) -> None:
    images = view(random_inputs((3, 24, 9, 7), torch.float32)[0])
    _, weight, bias, shift = random_inputs(tuple(images.shape), torch.float32)
    arguments = (images, weight, bias, 3, 1e-5, True, shift)
    assert_near(group_norm_silu(*arguments), expected(*arguments), torch.float32)


@pytest.mark.parametrize(
    ("dtype", "mean"),
    [(torch.float32, 3e4), (torch.float16, 2e3), (torch.bfloat16, -500.0)],
)
def test_a_mean_far_from_zero_costs_no_precision(dtype: torch.dtype, mean: float) -> None:
    images, weight, bias, _ = random_inputs((2, 16, 96, 64), dtype, mean)
    arguments = (images, weight, bias, 4, 1e-5)
    # The mean itself is rounded to 1/1024 in float32, half a thousandth of the deviation.
    tolerance = max(TOLERANCES[dtype], 2e-3)
    torch.testing.assert_close(
        group_norm_silu(*arguments).double(), expected(*arguments), rtol=tolerance, atol=tolerance
    )


def test_a_pixel_far_from_the_others_costs_no_precision() -> None:
    images, weight, bias, _ = random_inputs((2, 8, 64, 64), torch.float32)
    images[:, :, 0, 0] = 1e4
    arguments = (images, weight, bias, 2, 1e-5, False)
    torch.testing.assert_close(
        group_norm_silu(*arguments).double(), expected(*arguments), rtol=1e-5, atol=1e-5
    )


def test_silu_is_right_to_a_millionth_of_its_value() -> None:
    # A weight of 0 leaves the bias.
    bias = torch.linspace(-86.9, 87, 4099)
    images = torch.randn(1, len(bias), 2, 2, generator=torch.Generator().manual_seed(0))
    out = group_norm_silu(images, torch.zeros_like(bias), bias, 1, 1e-5)
    wanted = bias.double() / (1 + (-bias.double()).exp())
    torch.testing.assert_close(out[0, :, 0, 0].double(), wanted, rtol=1e-6, atol=0)


def test_silu_of_the_largest_and_smallest_is_itself_and_nothing() -> None:
    bias = torch.tensor([1e4, 3e38, -1e4, -3e38, 0.0, float("inf")])
    out = group_norm_silu(torch.randn(1, 6, 2, 2), torch.zeros(6), bias, 1, 1e-5)
    wanted = torch.tensor([1e4, 3e38, 0.0, 0.0, 0.0, float("inf")])
    torch.testing.assert_close(out[0, :, 0, 0], wanted, rtol=0, atol=1e-30)


def test_nan_stays_in_its_image_and_group() -> None:
    images, weight, bias, _ = random_inputs((3, 8, 5, 5), torch.float32)
    images[1, 2, 3, 3] = float("nan")
    nan = group_norm_silu(images, weight, bias, 4, 1e-5).isnan()
    assert nan[1, 2:4].all()
    assert nan.sum() == 2 * 25


@pytest.mark.parametrize("shape", [(9, 64, 8, 8), (9, 32, 48, 40)])
def test_neither_batch_nor_threads_change_an_image(shape: tuple[int, ...]) -> None:
    images, weight, bias, shift = random_inputs(shape, torch.float32)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        together = group_norm_silu(images, weight, bias, 16, 1e-5, True, shift)
        torch.set_num_threads(3)
        alone = [
            group_norm_silu(image[None], weight, bias, 16, 1e-5, True, added[None])
            for image, added in zip(images, shift, strict=True)
        ]
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(torch.cat(alone), together)


@pytest.mark.parametrize("function", [group_norm_silu, group_norm_silu_reference])
@pytest.mark.parametrize("shape", [(0, 8, 4, 4), (2, 8, 0, 4)])
def test_nothing_gives_nothing(function: Callable[..., Tensor], shape: tuple[int, ...]) -> None:
    assert function(torch.zeros(shape), torch.ones(8), torch.ones(8), 2, 1e-5).shape == shape


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


def test_the_operator_is_well_formed() -> None:
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


def test_torch_compile_keeps_it_in_one_graph() -> None:
    images, weight, bias, _ = random_inputs((2, 12, 5, 3), torch.float32)

    def block(images: Tensor) -> Tensor:
        return group_norm_silu(images * 2, weight, bias, 3, 1e-5) + images

    compiled = torch.compile(block, fullgraph=True, backend="aot_eager")
    assert torch.equal(compiled(images), block(images))


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", list(TOLERANCES))
@pytest.mark.parametrize(("shape", "groups"), [*SIZES, ((4, 128, 256, 256), 32)])
def test_cuda_equals_the_definition(
    shape: tuple[int, ...], groups: int, dtype: torch.dtype
) -> None:
    images, weight, bias, shift = (x.cuda() for x in random_inputs(shape, dtype))
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    for silu in (True, False):
        for added in (shift, None):
            arguments = (images, weight, bias, groups, 1e-5, silu, added)
            with torch.cuda.stream(stream):
                out = group_norm_silu(*arguments)
            stream.synchronize()
            assert_near(out, expected(*arguments), dtype)


@pytest.mark.gpu
def test_cuda_reads_images_that_are_not_aligned() -> None:
    storage = torch.randn(1 + 2 * 64 * 9, device="cuda")
    images = storage[1:].view(2, 3, 3, 64).permute(0, 3, 1, 2)
    weight, bias = torch.randn(64, device="cuda"), torch.randn(64, device="cuda")
    arguments = (images, weight, bias, 16, 1e-5)
    assert_near(group_norm_silu(*arguments), expected(*arguments), torch.float32)


@pytest.mark.gpu
def test_cuda_gives_an_image_the_same_bits_each_time_in_any_batch_and_in_a_graph() -> None:
    images, weight, bias, shift = (x.cuda() for x in random_inputs((5, 64, 64, 64), torch.bfloat16))
    together = group_norm_silu(images, weight, bias, 16, 1e-5, True, shift)
    alone = group_norm_silu(images[3:4], weight, bias, 16, 1e-5, True, shift[3:4])
    assert torch.equal(together[3:4], alone)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        captured = group_norm_silu(images, weight, bias, 16, 1e-5, True, shift)
    graph.replay()
    torch.cuda.synchronize()
    assert torch.equal(captured, together)
