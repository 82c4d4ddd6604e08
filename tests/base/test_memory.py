"""Memory of devices: what is free, and errors that say it ran out."""

import os
import threading
import time

import numpy as np
import pytest
import torch

from zeroreal.base import InputError, memory
from zeroreal.base.memory import MemoryMeter, free_memory, is_out_of_memory

CPU = torch.device("cpu")
MORE_THAN_ANY = 2**45


def pytorch_out_of_memory():
    torch.empty(MORE_THAN_ANY, dtype=torch.uint8)


def python_out_of_memory():
    bytearray(MORE_THAN_ANY)


def onnxruntime_out_of_memory(arena):
    onnxruntime = pytest.importorskip("onnxruntime")
    helper = pytest.importorskip("onnx").helper
    graph = helper.make_graph(
        [helper.make_node("Expand", ["x", "shape"], ["y"])],
        "graph",
        [
            helper.make_tensor_value_info("x", 1, [1]),
            helper.make_tensor_value_info("shape", 7, [1]),
        ],
        [helper.make_tensor_value_info("y", 1, None)],
    )
    opset = [helper.make_opsetid("", 20)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=10)
    options = onnxruntime.SessionOptions()
    options.enable_cpu_mem_arena, options.log_severity_level = arena, 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    session.run(None, {"x": np.ones(1, np.float32), "shape": np.array([MORE_THAN_ANY])})


@pytest.mark.parametrize(
    "work",
    [
        pytorch_out_of_memory,
        python_out_of_memory,
        lambda: onnxruntime_out_of_memory(arena=True),
        lambda: onnxruntime_out_of_memory(arena=False),
    ],
    ids=["pytorch", "python", "onnxruntime-arena", "onnxruntime"],
)
def test_a_library_that_asks_for_too_much_is_recognised(work):
    with pytest.raises(Exception) as caught:  # noqa: PT011 - each has a class of its own
        work()
    assert is_out_of_memory(caught.value)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes."),
    ],
)
def test_what_gpus_and_other_systems_say_is_recognised(error):
    assert is_out_of_memory(error)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("shape '[2, 3]' is invalid for input of size 5"),
        InputError("a batch of 9 is out of memory: allow more"),
        KeyError("memory"),
    ],
)
def test_other_errors_are_not_taken_for_it(error):
    assert not is_out_of_memory(error)


def test_what_is_free_on_a_cpu_is_part_of_what_the_machine_has():
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert 0 < free_memory(CPU) < machine


@pytest.mark.parametrize(
    ("names", "unlimited"),
    [
        (("memory.max", "memory.current", "memory.stat"), "max"),
        (
            ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat"),
            "9223372036854771712",
        ),
    ],
    ids=["version 2", "version 1"],
)
def test_the_limit_of_a_container_counts_without_pages_of_files(
    tmp_path, monkeypatch, names, unlimited
):
    monkeypatch.setattr(memory, "_CONTROL_GROUPS", tmp_path)
    limit, use, statistics = (tmp_path / name for name in names)
    limit.parent.mkdir(exist_ok=True)
    use.write_text("700000\n")
    statistics.write_text("anon 400000\ninactive_file 200000\n")
    limit.write_text("1000000\n")
    assert free_memory(CPU) == 500000
    limit.write_text(f"{unlimited}\n")
    assert free_memory(CPU) > 2**24


def test_memory_in_use_grows_by_what_is_held_and_peaks_at_what_was_held_for_a_moment():
    meter, size = MemoryMeter(CPU), 2**27
    before = meter.in_use()

    def work():
        held = np.ones(size, np.uint8)
        time.sleep(0.2)  # the sampler may be slow to get a turn
        return int(held[-1])

    result, peak = meter.peak_during(work)
    assert result == 1
    assert peak - before == pytest.approx(size, rel=0.1)
    assert meter.in_use() - before < size / 2
    kept = np.ones(size, np.uint8)
    assert meter.in_use() - before == pytest.approx(kept.nbytes, rel=0.1)


def test_a_failure_while_the_peak_is_measured_is_passed_on_and_leaves_no_thread():
    threads = threading.active_count()
    with pytest.raises(ZeroDivisionError):
        MemoryMeter(CPU).peak_during(lambda: 1 / 0)
    assert threading.active_count() == threads


@pytest.mark.gpu
def test_memory_on_a_gpu_counts_what_allocators_keep():
    device, size = torch.device("cuda"), 2**28
    meter = MemoryMeter(device)
    before = meter.in_use()
    tensor, peak = meter.peak_during(lambda: torch.ones(size, dtype=torch.uint8, device=device))
    assert peak - before == pytest.approx(tensor.nbytes, rel=0.1)
    free = free_memory(device)
    del tensor
    assert free_memory(device) - free == pytest.approx(size, rel=0.1), "it can be had again"
