"""`augment` against Pillow's resize, torchvision's functions and values worked out by hand."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor
from torchvision.transforms.v2 import functional as tv

from zeroreal.kernels._augment import AUGMENT_COLUMNS, augment, augment_reference

augment_module = importlib.import_module("zeroreal.kernels._augment")

DTYPES = [torch.float32, torch.float16, torch.bfloat16]
TOLERANCES = {torch.float32: 2e-5, torch.float16: 2e-3, torch.bfloat16: 2e-2}
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
PADDINGS = ["edge", "reflect"]
FUNCTIONS = pytest.mark.parametrize("function", [augment, augment_reference])


def random_images(count: int, height: int, width: int, channels: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(5)
    size = (count, height, width, channels)
    return torch.randint(0, 256, size, generator=generator, dtype=torch.uint8)


def empty_batch(
    batch: int, channels: int, height: int, width: int, dtype: torch.dtype = torch.float32
) -> Tensor:
    """Poisoned, so that what is not written shows."""
    nhwc = torch.full((batch, height, width, channels), torch.nan, dtype=dtype)
    return nhwc.permute(0, 3, 1, 2)


def unchanged(batch: int) -> Tensor:
    parameters = torch.zeros(batch, AUGMENT_COLUMNS)
    parameters[:, [0, 4, 6, 11, 16]] = 1
    return parameters


def box(left: float, top: float, width: float, height: float, size: tuple[int, int]) -> Tensor:
    """Parameters `[1, 23]` that show a box of the source as an image of `size`."""
    parameters = unchanged(1)
    parameters[0, :6] = torch.tensor([width / size[1], 0, left, 0, height / size[0], top])
    return parameters


def random_parameters(batch: int, seed: int = 3) -> Tensor:
    """Every kind of geometry by turns, with colours and erased boxes."""
    generator = torch.Generator().manual_seed(seed)
    parameters = unchanged(batch)
    noise = torch.randn(batch, AUGMENT_COLUMNS, generator=generator)
    parameters[1::4, 0] = -1  # whole pixels, mirrored
    parameters[1::4, 2] = 37
    parameters[2::4, :6] *= 0.3 + noise[2::4, :6].abs()  # separable
    parameters[3::4, :6] += noise[3::4, :6] * 0.8  # turned
    parameters[:, [2, 5]] += (noise[:, [2, 5]] * 8).round()
    parameters[::2, 6:18] += noise[::2, 6:18] * 0.2
    parameters[::3, 18] = noise[::3, 18] * 0.3
    parameters[:, 19:] = noise[:, 19:].abs() * torch.tensor([5, 5, 15, 15])
    return parameters


def run(
    function: Callable[..., None],
    images: Tensor,
    parameters: Tensor,
    size: tuple[int, int],
    index: Tensor | None = None,
    dtype: torch.dtype = torch.float32,
    padding: str = "edge",
) -> Tensor:
    channels = images.shape[3]
    out = empty_batch(len(parameters), channels, *size, dtype)
    if index is None:
        index = torch.arange(len(parameters))
    function(out, images, index, parameters, MEAN[:channels], STD[:channels], padding)
    return out


def shades(out: Tensor) -> Tensor:
    """What was normalised: `[B, C, h, w]` of 0..255."""
    channels = out.shape[1]
    mean, std = (torch.tensor(x[:channels]).view(-1, 1, 1) for x in (MEAN, STD))
    return (out.float() * std + mean) * 255


def normalised(images: Tensor) -> Tensor:
    """uint8 `[B, C, H, W]` by torchvision."""
    channels = images.shape[1]
    floats = tv.to_dtype(images, torch.float32, scale=True)
    return tv.normalize(floats, MEAN[:channels], STD[:channels])


def resized_by_pillow(
    image: Tensor, left: float, top: float, width: float, height: float, size: tuple[int, int]
) -> Tensor:
    """A box of a uint8 image `[H, W, C]`, padded by NumPy first; float32 `[C, h, w]`."""
    pad = 40
    padded = np.pad(image.numpy(), ((pad, pad), (pad, pad), (0, 0)), mode="edge")
    corners = (left + pad, top + pad, left + width + pad, top + height + pad)
    planes = [
        Image.fromarray(padded[..., c].astype(np.float32)).resize(
            (size[1], size[0]), Image.Resampling.BILINEAR, box=corners
        )
        for c in range(image.shape[2])
    ]
    return torch.from_numpy(np.stack([np.asarray(plane) for plane in planes]))


@FUNCTIONS
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(32, 32, 3), (17, 5, 3), (1, 1, 3), (28, 31, 1), (224, 224, 3)])
def test_unchanged_images_are_normalised_exactly(
    shape: tuple[int, int, int], dtype: torch.dtype, function: Callable[..., None]
) -> None:
    images = random_images(3, *shape)
    out = run(function, images, unchanged(3), shape[:2], dtype=dtype)
    assert torch.equal(out, normalised(images.permute(0, 3, 1, 2)).to(dtype))


@FUNCTIONS
def test_images_are_gathered_by_index(function: Callable[..., None]) -> None:
    images = random_images(5, 4, 6)
    index = torch.tensor([3, 0, 3, 4])
    out = run(function, images, unchanged(4), (4, 6), index)
    assert torch.equal(out, normalised(images[index].permute(0, 3, 1, 2)))


@FUNCTIONS
@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize(("left", "top"), [(0, 0), (4, -4), (-3, 2), (9, 11)])
@pytest.mark.parametrize("mirror", [False, True])
def test_whole_pixel_crops_equal_those_of_torchvision(
    mirror: bool, left: int, top: int, padding: str, function: Callable[..., None]
) -> None:
    images = random_images(1, 32, 30)
    parameters = box(left, top, 24, 20, (20, 24))
    if mirror:
        parameters[0, 0], parameters[0, 2] = -1, left + 24
    padded = tv.pad(images.permute(0, 3, 1, 2), [12], padding_mode=padding)
    wanted = tv.crop(padded, top + 12, left + 12, 20, 24)
    wanted = tv.horizontal_flip(wanted) if mirror else wanted
    out = run(function, images, parameters, (20, 24), padding=padding)
    assert torch.equal(out, normalised(wanted))


@FUNCTIONS
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("left", "top", "width", "height", "size"),
    [
        (0, 0, 37, 33, (9, 11)),
        (0, 0, 37, 33, (80, 70)),
        (3.3, 2.7, 20.9, 11.2, (32, 32)),
        (10.25, 4.5, 9.5, 27.1, (5, 40)),
        (-6.2, -3.9, 45.5, 40.3, (32, 32)),
        (20, 15, 30.5, 30.5, (3, 1)),
    ],
)
def test_boxes_are_resampled_as_by_pillow(
    left: float,
    top: float,
    width: float,
    height: float,
    size: tuple[int, int],
    channels: int,
    function: Callable[..., None],
) -> None:
    images = random_images(1, 33, 37, channels)
    out = run(function, images, box(left, top, width, height, size), size)
    wanted = resized_by_pillow(images[0], left, top, width, height, size)
    torch.testing.assert_close(shades(out)[0], wanted, rtol=0, atol=5e-3)


@FUNCTIONS
def test_a_224_pixel_image_is_resampled_as_by_pillow(function: Callable[..., None]) -> None:
    images = random_images(1, 256, 256)
    out = run(function, images, box(11.5, 30.25, 201.5, 140.75, (224, 224)), (224, 224))
    wanted = resized_by_pillow(images[0], 11.5, 30.25, 201.5, 140.75, (224, 224))
    torch.testing.assert_close(shades(out)[0], wanted, rtol=0, atol=1e-2)


@FUNCTIONS
@pytest.mark.parametrize("angle", [0.1, -0.7, 3.0])
def test_a_turned_image_equals_that_of_grid_sample(
    angle: float, function: Callable[..., None]
) -> None:
    images = random_images(1, 21, 21)
    matrix = torch.tensor(
        [
            [0.9 * math.cos(angle), -0.9 * math.sin(angle), 0.2],
            [0.9 * math.sin(angle), 0.9 * math.cos(angle), -0.4],
        ]
    )
    grid = F.affine_grid(matrix[None], [1, 3, 21, 21], align_corners=False)
    wanted = F.grid_sample(
        images.permute(0, 3, 1, 2).float(), grid, padding_mode="border", align_corners=False
    )
    parameters = unchanged(1)
    centre = matrix[:, 2] * 10.5 + 10.5 - matrix[:, :2].sum(1) * 10.5  # from half sides to pixels
    parameters[0, :6] = torch.cat([matrix[:, :2], centre[:, None]], dim=1).flatten()
    out = run(function, images, parameters, (21, 21))
    torch.testing.assert_close(shades(out), wanted, rtol=0, atol=5e-3)


@FUNCTIONS
def test_a_quarter_turn_is_antialiased_too(function: Callable[..., None]) -> None:
    images = random_images(1, 30, 24)
    parameters = unchanged(1)
    # Columns to the right come from rows further down, rows down from columns further left.
    parameters[0, :6] = torch.tensor([0, 3, 0, -3, 0, 30])
    out = run(function, images, parameters, (8, 10))
    turned = torch.rot90(images[0], k=-1, dims=(0, 1))
    wanted = resized_by_pillow(turned, 0, 0, 30, 24, (8, 10))
    torch.testing.assert_close(shades(out)[0], wanted, rtol=0, atol=5e-3)


@pytest.mark.parametrize("padding", PADDINGS)
def test_sampling_by_pixel_gives_the_bits_of_sampling_by_row(padding: str) -> None:
    """By pixel is how the GPU does it: a trace of rotation, lost in rounding, takes that way."""
    images = random_images(3, 33, 37)
    parameters = unchanged(3)
    parameters[0, :6] = torch.tensor([0.37, 0, 2.3, 0, 0.81, -3.1])
    parameters[1, :6] = torch.tensor([-2.3, 0, 41.7, 0, 1.4, -6.2])
    parameters[2, :6] = torch.tensor([-1, 0, 30, 0, 1, 2])
    parameters[:, 18] = 0.25
    by_row = run(augment, images, parameters, (19, 23), padding=padding)
    parameters[:, 1] = 1e-30
    assert torch.equal(run(augment, images, parameters, (19, 23), padding=padding), by_row)


@FUNCTIONS
def test_positions_beyond_the_borders_are_padded(function: Callable[..., None]) -> None:
    ramp = torch.tensor([10, 20, 30, 40], dtype=torch.uint8).view(1, 1, 4, 1)
    row = box(-4, 0, 12, 1, (1, 12))
    edge = shades(run(function, ramp, row, (1, 12), padding="edge")).flatten().round().tolist()
    assert edge == [10] * 4 + [10, 20, 30, 40] + [40] * 4
    reflect = run(function, ramp, row, (1, 12), padding="reflect")
    wanted = [30, 40, 30, 20, 10, 20, 30, 40, 30, 20, 10, 20]
    assert shades(reflect).flatten().round().tolist() == wanted


@FUNCTIONS
def test_colours_change_as_by_torchvision(function: Callable[..., None]) -> None:
    images = random_images(1, 12, 13) // 2 + 60  # nothing is clamped on the way
    brightness, contrast, saturation = 1.1, 0.8, 1.3
    luma = torch.tensor([0.299, 0.587, 0.114])
    matrix = brightness * contrast * (saturation * torch.eye(3) + (1 - saturation) * luma)
    parameters = box(2, 1, 9, 8, (8, 9))
    parameters[0, 6:18].view(3, 4)[:, :3] = matrix
    parameters[0, 18] = brightness * (1 - contrast)
    crop = images.permute(0, 3, 1, 2)[:, :, 1:9, 2:11].float() / 255
    wanted = tv.adjust_contrast(tv.adjust_brightness(crop, brightness), contrast)
    wanted = tv.adjust_saturation(wanted, saturation)
    out = run(function, images, parameters, (8, 9))
    # torchvision's luma is 0.2989 red: a ten-thousandth.
    torch.testing.assert_close(shades(out) / 255, wanted, rtol=0, atol=2e-4)


@FUNCTIONS
def test_colours_worked_out_by_hand_are_clamped(function: Callable[..., None]) -> None:
    images = torch.tensor([51, 102, 204], dtype=torch.uint8).view(1, 1, 1, 3)  # 0.2, 0.4, 0.8
    parameters = unchanged(1)
    rows = [[0, 0, 1, 0.1], [2, 0.5, -1, 0], [1, 1, 1, 0.0]]
    parameters[0, 6:18] = torch.tensor(rows).flatten()
    parameters[0, 18] = -0.5  # luma: 0.299 * 0.2 + 0.587 * 0.4 + 0.114 * 0.8 = 0.3858
    out = run(function, images, parameters, (1, 1))
    # 0.8 + 0.1 - 0.1929; 0.4 + 0.2 - 0.8 - 0.1929, below 0; 1.4 - 0.1929, above 1
    wanted = torch.tensor([0.7071, 0.0, 1.0])
    torch.testing.assert_close(shades(out).flatten() / 255, wanted, rtol=0, atol=1e-5)


@FUNCTIONS
def test_one_channel_is_the_grey_of_three_equal_ones(function: Callable[..., None]) -> None:
    grey = random_images(8, 20, 22, 1)
    parameters = random_parameters(8)
    parameters[:, 10:18] = parameters[:, 6:10].repeat(1, 2)  # one row for all three
    alone = shades(run(function, grey, parameters, (18, 19)))
    three = shades(run(function, grey.repeat(1, 1, 1, 3), parameters, (18, 19)))
    kept = ~torch.isclose(three[:, :1], torch.tensor(255 * MEAN[0]))  # not erased
    torch.testing.assert_close(alone[kept], three[:, :1][kept], rtol=0, atol=2e-2)


@FUNCTIONS
def test_erased_pixels_become_zero_and_no_others(function: Callable[..., None]) -> None:
    images = random_images(4, 9, 10)
    parameters = unchanged(4)
    parameters[0, 19:] = torch.tensor([1.5, 3, 4, 8.5])
    parameters[1, 19:] = torch.tensor([-2, -1, 20, 2])
    parameters[2, 19:] = torch.tensor([4, 5, 4, 9])
    wanted = normalised(images.permute(0, 3, 1, 2))
    wanted[0, :, 2:4, 3:9] = 0
    wanted[1, :, :, :2] = 0
    assert torch.equal(run(function, images, parameters, (9, 10)), wanted)


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", DTYPES)
def test_all_together_equals_the_reference(dtype: torch.dtype, channels: int, padding: str) -> None:
    images = random_images(16, 33, 37, channels)
    parameters = random_parameters(16)
    actual, wanted = (
        run(function, images, parameters, (29, 31), dtype=dtype, padding=padding)
        for function in (augment, augment_reference)
    )
    tolerance = TOLERANCES[dtype]
    torch.testing.assert_close(actual, wanted, rtol=tolerance, atol=tolerance)


def test_threads_change_nothing() -> None:
    images, parameters = random_images(16, 64, 64), random_parameters(16)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = run(augment, images, parameters, (64, 64))
        torch.set_num_threads(3)
        together = run(augment, images, parameters, (64, 64))
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(alone, together)


def test_parameters_that_make_no_sense_stay_within_memory() -> None:
    images = random_images(1, 13, 11)
    values = [math.nan, math.inf, -math.inf, 1e30, -1e30, 0.0, 1e5]
    parameters = torch.stack(
        [
            unchanged(1)[0].index_fill(0, torch.tensor([column]), value)
            for column in range(AUGMENT_COLUMNS)
            for value in values
        ]
    )
    index = torch.zeros(len(parameters), dtype=torch.int64)
    for padding in PADDINGS:
        out = run(augment, images, parameters, (9, 7), index, padding=padding)
        assert out.isfinite().all()


@FUNCTIONS
def test_an_empty_batch_stays_empty(function: Callable[..., None]) -> None:
    assert run(function, random_images(2, 4, 4), unchanged(0), (3, 3)).shape == (0, 3, 3, 3)


def test_a_part_of_a_buffer_is_filled_and_no_more() -> None:
    images = random_images(2, 4, 4)
    buffer = torch.zeros(4, 4, 4, 3)
    out = buffer[1:3].permute(0, 3, 1, 2)
    augment(out, images, torch.arange(2), unchanged(2), MEAN, STD)
    assert torch.equal(out, normalised(images.permute(0, 3, 1, 2)))
    assert not buffer[0].any()
    assert not buffer[3].any()


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_operator_keeps_its_contract(dtype: torch.dtype) -> None:
    arguments = (random_images(3, 8, 9), torch.tensor([2, 0]), random_parameters(2))
    out = torch.zeros(2, 6, 5, 3, dtype=dtype).permute(0, 3, 1, 2)
    operator = torch.ops.zeroreal.augment_.default
    torch.library.opcheck(operator, (out, *arguments, MEAN, STD, "edge"))


def test_compiles_into_one_graph() -> None:
    def batch(images: Tensor, index: Tensor, parameters: Tensor) -> Tensor:
        out = torch.empty(len(index), 6, 5, 3).permute(0, 3, 1, 2)
        augment(out, images, index, parameters * 1, MEAN, STD)
        return out.relu()

    arguments = (random_images(3, 8, 9), torch.tensor([2, 0]), random_parameters(2))
    compiled = torch.compile(batch, fullgraph=True, backend="aot_eager")
    assert torch.equal(compiled(*arguments), batch(*arguments))


def test_without_the_library_pytorch_computes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(augment_module, "_kernel", lambda *_: False)
    images = random_images(3, 8, 9)
    out = run(augment, images, unchanged(3), (8, 9))
    assert torch.equal(out, normalised(images.permute(0, 3, 1, 2)))


@FUNCTIONS
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": torch.zeros(2, 4, 4, 3)}, r"uint8 \[N, H, W, 1 or 3\], not torch.float32"),
        ({"images": random_images(2, 4, 4, 4)}, r"not torch.uint8 \[2, 4, 4, 4\]"),
        ({"images": random_images(2, 4, 8)[:, :, ::2]}, "contiguous uint8"),
        ({"images": random_images(2, 4, 4, 1)}, "1 channels of the images, not 3, 3 and 3"),
        ({"images": random_images(2, 0, 4)}, "sides must be 1 to 32767, not 0"),
        ({"out": torch.zeros(2, 3, 5, 4)}, "out must be channels-last"),
        ({"out": empty_batch(2, 3, 5, 4, torch.float64)}, "not torch.float64"),
        ({"out": empty_batch(2, 3, 5, 0)}, "sides must be 1 to 32767, not 0"),
        ({"index": torch.tensor([0, 1, 0])}, r"index must be contiguous int64 \[2\]"),
        ({"index": torch.tensor([0, 1], dtype=torch.int32)}, r"not torch.int32 \[2\]"),
        ({"parameters": torch.zeros(2, 7)}, r"float32 \[2, 23\], not torch.float32 \[2, 7\]"),
        ({"parameters": torch.zeros(23, 2).t()}, r"of strides \(1, 2\)"),
        ({"mean": [0.5]}, "not 3, 1 and 3"),
        ({"padding": "zeros"}, "padding must be edge or reflect, not 'zeros'"),
        ({"index": torch.zeros(2, dtype=torch.int64, device="meta")}, "must be where out is, cpu"),
    ],
)
def test_what_cannot_be_augmented_is_refused(
    function: Callable[..., None], change: dict[str, object], message: str
) -> None:
    arguments: dict[str, object] = {
        "out": empty_batch(2, 3, 5, 4),
        "images": random_images(2, 4, 4),
        "index": torch.tensor([0, 1]),
        "parameters": unchanged(2),
        "mean": MEAN,
        "std": STD,
        "padding": "edge",
    }
    with pytest.raises(ValueError, match=message):
        function(**arguments | change)


@FUNCTIONS
@pytest.mark.parametrize("index", [-1, 2])
def test_an_image_that_is_not_there_is_refused(index: int, function: Callable[..., None]) -> None:
    with pytest.raises(IndexError, match=f"index must be 0 to 1, not {index} to {index}"):
        run(function, random_images(2, 4, 4), unchanged(1), (4, 4), torch.tensor([index]))


@pytest.mark.gpu
@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", DTYPES)
def test_cuda_gives_the_bits_of_the_cpu(dtype: torch.dtype, channels: int, padding: str) -> None:
    images, parameters = random_images(64, 33, 37, channels), random_parameters(64)
    wanted = run(augment, images, parameters, (47, 41), dtype=dtype, padding=padding)
    out = empty_batch(64, channels, 47, 41, dtype).cuda()
    index = torch.arange(64).cuda()
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        statistics = (MEAN[:channels], STD[:channels])
        augment(out, images.cuda(), index, parameters.cuda(), *statistics, padding)
    stream.synchronize()
    assert torch.equal(out.cpu(), wanted)


@pytest.mark.gpu
def test_cuda_makes_nan_of_an_image_that_is_not_there() -> None:
    images = random_images(2, 8, 8).cuda()
    out = empty_batch(3, 3, 8, 8).cuda()
    augment(out, images, torch.tensor([0, 2, -1]).cuda(), unchanged(3).cuda(), MEAN, STD)
    assert out[0].isfinite().all()
    assert out[1:].isnan().all()
