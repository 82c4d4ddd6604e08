"""`guided_step` against the formulas of guidance and of a linear scheduler."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from zeroreal.kernels._guided_step import guided_step, guided_step_reference
from zeroreal.kernels._philox_normal import philox_normal

DTYPES = [torch.float32, torch.float16, torch.bfloat16]
FUNCTIONS = [guided_step, guided_step_reference]

Step = Callable[..., tuple[Tensor, Tensor]]


def random_inputs(
    shape: tuple[int, ...],
    dtype: torch.dtype = torch.float32,
    device: str = "cpu",
    coefficients: tuple[float, ...] = (0.5, 0.9, -0.4, 0.3, 0.2, 1.5, -0.7),
) -> list[Tensor]:
    """Every image but the last has an unconditional row, in reversed order."""
    generator = torch.Generator().manual_seed(7)
    batch = shape[0]

    def normal(*sizes: int) -> Tensor:
        return torch.randn(sizes, generator=generator)

    unconditional = torch.arange(batch)
    unconditional[:-1] = torch.arange(batch, max(2 * batch - 1, batch)).flip(0)
    inputs = [
        normal(max(2 * batch - 1, 0), *shape[1:]).to(dtype),
        unconditional,
        normal(batch) + 4,
        normal(*shape),
        normal(*shape),
        torch.tensor(coefficients),
        torch.arange(batch) + 2**40,
        torch.tensor([3]),
    ]
    return [x.to(device) for x in inputs]


def expected(
    output: Tensor,
    unconditional: Tensor | None,
    guidance: Tensor,
    latents: Tensor,
    history: Tensor,
    coefficients: Tensor,
    seeds: Tensor,
    draw: Tensor,
) -> tuple[Tensor, Tensor]:
    """The definition, image by image, in float64."""
    _, c1, c2, c3, c4, c5, c6 = coefficients.tolist()
    following, carry = [], []
    noise = philox_normal(seeds, latents.shape[1:], int(draw)).double()
    for image, (x, h, n) in enumerate(zip(latents.double(), history.double(), noise, strict=True)):
        o = output[image].double()
        if unconditional is not None:
            away = output[unconditional[image]].double()
            o = away + guidance[image].double() * (o - away)
        following.append(c1 * x + c2 * o + c3 * h + c4 * n)
        carry.append(c5 * x + c6 * o)
    return torch.stack(following).float(), torch.stack(carry).float()


def assert_step(actual: tuple[Tensor, Tensor], wanted: tuple[Tensor, Tensor]) -> None:
    for one, other in zip(actual, wanted, strict=True):
        assert one.is_contiguous()
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(3, 4, 5, 7), (2, 4, 16, 16), (1, 3, 1, 1), (4, 4, 33, 32)])
def test_equals_the_definition(
    shape: tuple[int, int, int, int], dtype: torch.dtype, function: Step
) -> None:
    inputs = random_inputs(shape, dtype)
    assert_step(function(*inputs), expected(*inputs))
    inputs[0] = inputs[0].contiguous(memory_format=torch.channels_last)
    assert_step(function(*inputs), expected(*inputs))


@pytest.mark.parametrize(
    "view",
    [
        lambda x: x.transpose(2, 3),
        lambda x: x[:, :, :, ::2],
        lambda x: x[:, :, 2:, 1:],
        lambda x: x[:, :1].expand(-1, 4, -1, -1),
        lambda x: x[:1].expand(len(x), -1, -1, -1),
    ],
    ids=["transposed", "stepped", "offset", "one-channel", "one-row"],
)
def test_strides_of_the_output_are_followed(view: Callable[[Tensor], Tensor]) -> None:
    output = view(random_inputs((2, 4, 9, 9), torch.bfloat16)[0])
    inputs = [output, *random_inputs((2, *output.shape[1:]))[1:]]
    assert_step(guided_step(*inputs), expected(*inputs))


def test_other_inputs_may_have_any_strides() -> None:
    inputs = random_inputs((2, 4, 8, 8))
    for name in (3, 4):
        inputs[name] = inputs[name].contiguous(memory_format=torch.channels_last)
    inputs[2] = torch.stack([inputs[2], inputs[2]], dim=1)[:, 0]
    assert_step(guided_step(*inputs), expected(*inputs))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_without_unconditional_rows_the_output_is_taken_as_it_is(function: Step) -> None:
    inputs = random_inputs((2, 4, 6, 6))
    inputs[1] = None
    assert_step(function(*inputs), expected(*inputs))


def test_rounds_as_the_formula_does_in_pytorch() -> None:
    inputs = random_inputs(
        (3, 4, 16, 16), torch.float16, coefficients=(1.0, 0.9, -0.4, 0.3, 0.0, 2.0, 3.0)
    )
    output, unconditional, guidance, x, history, c, _, _ = inputs
    away = output.float()[unconditional]
    o = away + guidance.view(-1, 1, 1, 1) * (output.float()[:3] - away)
    following, carry = guided_step(*inputs)
    assert torch.equal(following, c[1] * x + c[2] * o + c[3] * history)
    assert torch.equal(carry, c[5] * x + c[6] * o)


@pytest.mark.parametrize("shape", [(3, 4, 5, 7), (2, 4, 20, 20)])
def test_noise_is_that_of_the_seeds_and_the_draw(shape: tuple[int, int, int, int]) -> None:
    inputs = random_inputs(shape, coefficients=(0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0))
    for draw in (0, 1, 40):
        inputs[7] = torch.tensor([draw])
        following, _ = guided_step(*inputs)
        assert torch.equal(following, philox_normal(inputs[6], shape[1:], draw))


def test_threads_change_nothing() -> None:
    inputs = random_inputs((8, 4, 64, 64), torch.bfloat16)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = guided_step(*inputs)
        torch.set_num_threads(3)
        together = guided_step(*inputs)
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(alone[0], together[0])
    assert torch.equal(alone[1], together[1])


@pytest.mark.parametrize("function", FUNCTIONS)
def test_no_images_give_an_empty_batch(function: Step) -> None:
    following, carry = function(*random_inputs((0, 4, 8, 8)))
    assert following.shape == carry.shape == (0, 4, 8, 8)


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize(
    ("position", "value", "message"),
    [
        (0, torch.zeros(5, 4, 8, 8).double(), "output must be float32, float16 or bfloat16"),
        (0, torch.zeros(2, 4, 8, 8), "at least as many"),
        (0, torch.zeros(5, 4, 8, 9), r"not the shape \(5, 4, 8, 9\)"),
        (1, torch.zeros(2, dtype=torch.int64), r"unconditional must be torch.int64 of shape \(3,"),
        (2, torch.zeros(3).half(), "guidance must be torch.float32"),
        (3, torch.zeros(3, 4, 8), r"latents must be \[B, C, H, W\]"),
        (3, torch.zeros(3, 4, 8, 8).half(), "latents must be torch.float32"),
        (4, torch.zeros(1, 4, 8, 8), "history must be"),
        (5, torch.zeros(6), r"coefficients must be torch.float32 of shape \(7,"),
        (6, torch.zeros(3), "seeds must be torch.int64"),
        (7, torch.zeros((), dtype=torch.int64), r"draw must be torch.int64 of shape \(1,"),
    ],
)
def test_what_does_not_go_together_is_refused(
    function: Step, position: int, value: Tensor, message: str
) -> None:
    inputs = random_inputs((3, 4, 8, 8))
    inputs[position] = value
    with pytest.raises(ValueError, match=message):
        function(*inputs)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_operator_is_well_formed(dtype: torch.dtype) -> None:
    inputs = random_inputs((2, 4, 5, 3), dtype)
    torch.library.opcheck(torch.ops.zeroreal.guided_step.default, tuple(inputs))
    inputs[1] = None
    torch.library.opcheck(torch.ops.zeroreal.guided_step.default, tuple(inputs))


def test_fake_tensors_give_shapes_only() -> None:
    with FakeTensorMode() as mode:
        fakes = [mode.from_tensor(x) for x in random_inputs((2, 4, 8, 8), torch.float16)]
        following, carry = guided_step(*fakes)
    for out in (following, carry):
        assert out.shape == (2, 4, 8, 8)
        assert out.dtype == torch.float32


def test_a_compiled_graph_takes_every_draw() -> None:
    inputs = random_inputs((2, 4, 8, 8))
    compiled = torch.compile(guided_step, fullgraph=True, backend="aot_eager")
    for draw in (0, 5):
        inputs[7] = torch.tensor([draw])
        assert_step(compiled(*inputs), expected(*inputs))


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(3, 4, 5, 7), (2, 4, 64, 64), (0, 4, 8, 8)])
def test_cuda_equals_the_cpu(shape: tuple[int, int, int, int], dtype: torch.dtype) -> None:
    inputs = random_inputs(shape, dtype)
    for memory_format in (torch.contiguous_format, torch.channels_last):
        inputs[0] = inputs[0].contiguous(memory_format=memory_format)
        on_gpu = guided_step(*(x.cuda() for x in inputs))
        for one, other in zip(on_gpu, guided_step(*inputs), strict=True):
            assert torch.equal(one.cpu(), other)


@pytest.mark.gpu
def test_a_cuda_graph_takes_every_draw() -> None:
    inputs = random_inputs((2, 4, 8, 8), device="cuda")
    guided_step(*inputs)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        outputs = guided_step(*inputs)
    for draw in (0, 5):
        inputs[7].fill_(draw)
        graph.replay()
        on_host = [x.cpu() for x in inputs]
        assert_step(tuple(x.cpu() for x in outputs), expected(*on_host))
