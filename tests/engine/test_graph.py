"""What a graph takes: names, devices, dtypes, shapes that fit each other, sizes within a range."""

import pytest
import torch

from zeroreal.base import InputError
from zeroreal.engine import DimensionRange, GraphSpec, TensorSpec
from zeroreal.engine.graph import check_inputs, output_buffers, output_shape

CPU = torch.device("cpu")
SPEC = GraphSpec(
    "decoder",
    (
        TensorSpec("latents", torch.float32, ("batch", 4, "height", "width")),
        TensorSpec("rows", torch.int64, ("batch",)),
    ),
    (TensorSpec("images", torch.float16, ("batch", 3, "8*height", "8*width")),),
)


def inputs(batch=2, height=5, width=7, **others):
    tensors = {
        "latents": torch.zeros(batch, 4, height, width),
        "rows": torch.zeros(batch, dtype=torch.int64),
    }
    return {**tensors, **others}


def check(given, **profile):
    ranges = {name: DimensionRange(*sizes) for name, sizes in profile.items()}
    return check_inputs(SPEC, given, CPU, ranges, "build again")


def test_dimensions_are_named_once_in_the_order_of_use():
    assert SPEC.dimensions() == ("batch", "height", "width")


def test_the_sizes_are_read_off_the_inputs():
    assert check(inputs()) == {"batch": 2, "height": 5, "width": 7}


def test_outputs_may_be_multiples_of_inputs():
    (images,) = SPEC.outputs
    assert output_shape(images, {"batch": 2, "height": 5, "width": 7}) == (2, 3, 40, 56)


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        (inputs(noise=torch.zeros(1)), "given the inputs latents, noise, rows: it takes latents"),
        ({"rows": torch.zeros(2, dtype=torch.int64)}, "given the inputs rows: it takes latents"),
        (inputs(rows=torch.zeros(2)), "'rows' of decoder is torch.float32 (2,): torch.int64"),
        (inputs(rows=torch.zeros(2, 1, dtype=torch.int64)), "(2, 1): torch.int64 ('batch',)"),
        (inputs(latents=torch.zeros(2, 3, 5, 7)), "shape (2, 3, 5, 7): 4 is 4 here"),
        (inputs(rows=torch.zeros(3, dtype=torch.int64)), "shape (3,): batch is 2 here"),
        (inputs(rows=torch.zeros(2, dtype=torch.int64, device="meta")), "is on meta: move it to"),
    ],
)
def test_inputs_that_do_not_fit_get_one_sentence(given, complaint):
    with pytest.raises(InputError) as caught:
        check(given)
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("batch", [1, 9])
def test_a_size_outside_its_range_is_refused_with_range_and_remedy(batch):
    with pytest.raises(InputError) as caught:
        check(inputs(batch), batch=(2, 4, 8))
    expected = f"batch {batch} is outside what this engine of decoder was built for, 2 to 8: build"
    assert expected in str(caught.value)


@pytest.mark.parametrize("batch", [2, 8])
def test_the_ends_of_a_range_belong_to_it(batch):
    assert check(inputs(batch), batch=(2, 4, 8))["batch"] == batch


@pytest.mark.parametrize("sizes", [(0, 1, 2), (2, 1, 3), (1, 4, 3)])
def test_a_range_is_in_order_and_begins_at_1(sizes):
    with pytest.raises(InputError, match=r"is not in order: give smallest, best and largest"):
        DimensionRange(*sizes)


SIZES = {"batch": 2, "height": 1, "width": 2}


def test_a_buffer_that_fits_is_written_to_in_place_of_a_new_tensor():
    (images,) = SPEC.outputs
    fitting = torch.zeros(output_shape(images, SIZES), dtype=torch.float16)
    assert output_buffers(SPEC, SIZES, CPU, {"images": fitting})["images"] is fitting


def test_an_output_that_the_graph_does_not_give_is_named():
    with pytest.raises(InputError, match="unknown output of decoder 'pictures'"):
        output_buffers(SPEC, SIZES, CPU, {"pictures": torch.zeros(1)})


@pytest.mark.parametrize(
    "given",
    [
        None,
        torch.zeros(2, 3, 8, 16),
        torch.zeros(1, 3, 8, 16, dtype=torch.float16),
        torch.zeros(2, 3, 16, 8, dtype=torch.float16).transpose(2, 3),
        torch.zeros(2, 3, 8, 16, dtype=torch.float16, device="meta"),
    ],
    ids=["none", "dtype", "shape", "strides", "device"],
)
def test_a_new_tensor_takes_the_place_of_a_buffer_that_does_not_fit(given):
    buffers = {} if given is None else {"images": given}
    buffer = output_buffers(SPEC, SIZES, CPU, buffers)["images"]
    assert buffer is not given
    assert (buffer.shape, buffer.dtype, buffer.device) == ((2, 3, 8, 16), torch.float16, CPU)
    assert buffer.is_contiguous()
