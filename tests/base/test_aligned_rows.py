"""Rows of a table that begin at whole multiples of 256 bytes."""

import pytest
import torch

from zeroreal.base.aligned_rows import aligned_rows


@pytest.mark.parametrize("dtype", [torch.float32, torch.int64, torch.float16])
@pytest.mark.parametrize("width", [1, 7, 64, 129])
def test_rows_are_aligned_dense_and_what_they_were(width, dtype):
    table = torch.arange(5 * width).view(5, width).to(dtype)
    rows = aligned_rows(table, torch.device("cpu"))
    assert [torch.equal(row, wanted) for row, wanted in zip(rows, table, strict=True)] == [True] * 5
    begins = [row.data_ptr() - rows[0].data_ptr() for row in rows]
    assert all(begin % 256 == 0 for begin in begins)
    assert begins[0] < begins[1]
    assert all(row.is_contiguous() for row in rows)
