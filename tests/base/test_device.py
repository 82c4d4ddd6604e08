"""Devices and precisions by name, and their memory."""

import pytest
import torch
import torch._inductor.config

from zeroreal.base import (
    InputError,
    peak_memory_bytes,
    resolve_device,
    resolve_precision,
)

CPU = torch.device("cpu")


def test_auto_is_a_gpu_where_there_is_one():
    expected = "cuda" if torch.cuda.is_available() else "cpu"
    assert resolve_device("auto").type == expected
    assert resolve_device("cpu") == CPU


@pytest.mark.parametrize(
    ("name", "complaint"),
    [("cpuu", "did you mean 'cpu'"), ("cuda:99", "is not on this machine"), ("meta", "unknown")],
)
def test_unusable_devices_get_one_sentence(name, complaint):
    with pytest.raises(InputError, match=complaint):
        resolve_device(name)


def test_precisions_go_by_name():
    assert resolve_precision("fp32", CPU) is torch.float32
    assert resolve_precision("bf16", CPU) is torch.bfloat16
    assert resolve_precision("auto", CPU) in (torch.float32, torch.bfloat16)
    with pytest.raises(InputError, match="did you mean 'bf16'"):
        resolve_precision("bf61", CPU)


def test_auto_is_bf16_only_where_the_cpu_has_it(monkeypatch):
    from zeroreal.base import device

    for flags, expected in (("sse avx2", torch.float32), ("sse avx512_bf16", torch.bfloat16)):
        monkeypatch.setattr(device, "_cpu_fields", lambda flags=flags: {"flags": flags})
        assert resolve_precision("auto", CPU) is expected


def test_peak_memory_is_that_of_the_process_in_bytes():
    assert 50e6 < peak_memory_bytes(CPU) < 100e9
    before = peak_memory_bytes(CPU)
    block = torch.ones(400_000_000, dtype=torch.uint8)
    assert peak_memory_bytes(CPU) >= min(before + 1, len(block))
