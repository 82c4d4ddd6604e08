"""The arithmetic of the kernels, against the published vectors of Philox and the definition."""

from __future__ import annotations

import ctypes
import math
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

# kat_vectors of Random123: "philox4x32 10", counter, key, result.
KNOWN_ANSWERS = [
    ("00000000" * 4, "00000000" * 2, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff" * 4, "ffffffff" * 2, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    (
        "243f6a88 85a308d3 13198a2e 03707344",
        "a4093822 299f31d0",
        "d16cfe09 94fdcceb 5001e420 24126ea1",
    ),
]

SOURCE = """
#include "philox_normal.h"
using namespace zeroreal;
extern "C" void philox(const uint32_t* counter, const uint32_t* key, uint32_t* out) {
  const Words words =
      philox4x32({counter[0], counter[1], counter[2], counter[3]}, key[0], key[1]);
  memcpy(out, &words, sizeof(words));
}
extern "C" void pairs(const uint32_t* radius, const uint32_t* angle, int64_t count, float* out) {
  for (int64_t i = 0; i < count; ++i) box_muller(radius[i], angle[i], out[2 * i], out[2 * i + 1]);
}
"""


@pytest.fixture(scope="module")
def header(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """What each GPU thread runs, compiled for the CPU: testable without a GPU."""
    compiler = shutil.which("c++") or shutil.which("g++")
    if compiler is None:
        pytest.skip("no C++ compiler")
    folder = tmp_path_factory.mktemp("philox")
    source, library = folder / "philox.cpp", folder / "philox.so"
    source.write_text(SOURCE)
    headers = Path(__file__).parents[3] / "kernels" / "src"
    options = ["-std=c++17", "-O1", "-ffp-contract=off", "-shared", "-fPIC", f"-I{headers}"]
    subprocess.run([compiler, *options, "-o", library, source], check=True)
    return ctypes.CDLL(str(library))


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN_ANSWERS)
def test_philox_gives_the_published_answers(
    header: ctypes.CDLL, counter: str, key: str, answer: str
) -> None:
    def array(text: str) -> ctypes.Array[ctypes.c_uint32]:
        digits = text.replace(" ", "")
        numbers = [int(digits[i : i + 8], 16) for i in range(0, len(digits), 8)]
        return (ctypes.c_uint32 * len(numbers))(*numbers)

    out = (ctypes.c_uint32 * 4)()
    header.philox(array(counter), array(key), out)
    assert list(out) == list(array(answer))


def test_extreme_words_give_finite_numbers(
    header: ctypes.CDLL, box_muller: Callable[..., Any], assert_close: Callable[..., Any]
) -> None:
    edges = [0, 1, 2, 3, 2**29, 2**30, 2**31, 3 * 2**30, 2**32 - 2**29, 2**32 - 1]
    edges += [edge - 1 for edge in edges if edge > 3]
    pairs = [(radius, angle) for radius in edges for angle in edges]
    radius, angle = (torch.tensor(column).to(torch.uint32) for column in zip(*pairs, strict=True))
    out = torch.empty(len(pairs), 2)
    pointers = [ctypes.c_void_p(x.data_ptr()) for x in (radius, angle, out)]
    header.pairs(*pointers[:2], ctypes.c_int64(len(pairs)), pointers[2])
    assert_close(out, torch.tensor([box_muller(*pair) for pair in pairs]))
    assert out.abs().max().item() == pytest.approx(math.sqrt(64 * math.log(2)), rel=1e-6)
