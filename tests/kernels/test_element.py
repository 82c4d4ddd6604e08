"""The element types of the native code against PyTorch's conversions."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path

import pytest
import torch

SOURCE = """
#include "element.h"
using namespace zeroreal;
template <class T> void convert(const T* in, float* decoded, const float* values, T* encoded,
                                long in_count, long count) {
  for (long i = 0; i < in_count; ++i) decoded[i] = decode(in[i]);
  for (long i = 0; i < count; ++i) encoded[i] = encode<T>(values[i]);
}
extern "C" int convert_elements(int dtype, const void* in, float* decoded, const float* values,
                                void* encoded, long in_count, long count) {
  return with_element_type(dtype, [&](auto element) {
    using T = decltype(element);
    convert(static_cast<const T*>(in), decoded, values, static_cast<T*>(encoded), in_count, count);
  });
}
"""


@pytest.fixture(scope="module")
def convert_elements(tmp_path_factory: pytest.TempPathFactory) -> ctypes._NamedFuncPointer:
    compiler = shutil.which("c++") or shutil.which("g++")
    if compiler is None:
        pytest.skip("no C++ compiler")
    folder = tmp_path_factory.mktemp("element")
    source, library = folder / "element.cpp", folder / "element.so"
    source.write_text(SOURCE)
    headers = Path(__file__).parents[2] / "kernels" / "src"
    options = ["-std=c++17", "-O2", "-shared", "-fPIC", f"-I{headers}"]
    subprocess.run([compiler, *options, "-o", library, source], check=True)
    return ctypes.CDLL(str(library)).convert_elements


@pytest.mark.parametrize(("number", "dtype"), [(1, torch.float16), (2, torch.bfloat16)])
def test_16_bit_floats_convert_as_in_pytorch(
    convert_elements: ctypes._NamedFuncPointer, number: int, dtype: torch.dtype
) -> None:
    every = torch.arange(-(2**15), 2**15, dtype=torch.int32).to(torch.int16).view(dtype)
    # Every exponent and sign, with the mantissas at and beside the halves that rounding turns on.
    high = torch.arange(2**16, dtype=torch.int64)[:, None] << 16
    low = torch.tensor([0, 1, 0x0FFF, 0x1000, 0x1001, 0x7FFF, 0x8000, 0x8001, 0xF000, 0xFFFF])
    values = (high + low).flatten().to(torch.int32).view(torch.float32)
    decoded = torch.empty(every.shape)
    encoded = torch.empty(values.shape, dtype=dtype)
    pointers = [x.data_ptr() for x in (every, decoded, values, encoded)]
    arguments = [number, *map(ctypes.c_void_p, pointers), every.numel(), values.numel()]
    assert convert_elements(*arguments) == 1
    torch.testing.assert_close(decoded, every.float(), rtol=0, atol=0, equal_nan=True)
    torch.testing.assert_close(encoded, values.to(dtype), rtol=0, atol=0, equal_nan=True)


def test_an_unknown_element_type_is_refused(
    convert_elements: ctypes._NamedFuncPointer,
) -> None:
    assert convert_elements(3, None, None, None, None, 0, 0) == 0
