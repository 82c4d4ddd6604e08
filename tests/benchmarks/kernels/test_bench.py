"""The kernel benchmark on tiny inputs, without its compiler."""

from dataclasses import replace

import pytest
import torch

from zeroreal.base import InputError
from zeroreal.benchmarks.harness import Progress
from zeroreal.benchmarks.harness.ceilings import Ceiling
from zeroreal.benchmarks.kernels import bench as kernels
from zeroreal.benchmarks.kernels.bench import measure_kernels
from zeroreal.benchmarks.kernels.cases import KERNELS, SIZES, Sizes, cases_of
from zeroreal.benchmarks.kernels.settings import KernelSettings

TINY = Sizes(
    batch=2,
    image=16,
    channels=32,
    width=16,
    pool=4,
    training_batch=3,
    training=10,
    dtype=torch.float32,
)


def tensors_of(results):
    """Copies: both ways may fill the same output."""
    tensors = results if isinstance(results, tuple) else (results,)
    return [tensor.clone() for tensor in tensors]


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setitem(SIZES, "cpu", TINY)
    monkeypatch.setattr(kernels, "measure_copy", lambda device: Ceiling(1e9, 2.0, 3, {}))
    monkeypatch.setattr(kernels, "_ROUND_SECONDS", 0.0)
    monkeypatch.setattr(torch, "compile", lambda work, dynamic: work)


def rows_of(found, kernel):
    """The rows of a kernel by their names."""
    return {row.name: row for row in found.rows if row.case.startswith(f"{kernel}, ")}


def test_every_kernel_is_measured_by_all():
    found = measure_kernels(KernelSettings(device="cpu", rounds=2))
    assert found.finished
    assert found.facts["copy_ceiling"]["best"] == 1e9
    for kernel in KERNELS:
        rows = rows_of(found, kernel)
        assert list(rows) == ["ours", "eager", "compiled"]
        assert [row.is_baseline for row in rows.values()] == [False, True, False]
        for row in rows.values():
            assert (row.reason, row.facts["timed_by"]) == (None, "calls")
            seconds = row.metrics["seconds"].values
            assert len(seconds) == len(row.metrics["ratio"].values) == 2
            rates = [row.facts["bytes"] / one for one in seconds]
            assert row.metrics["bytes_per_second"].values == pytest.approx(rates)
            shares = [rate / 1e9 for rate in rates]
            assert row.metrics["share_of_copy"].values == pytest.approx(shares)


@pytest.mark.parametrize("name", KERNELS)
def test_ours_and_the_reference_compute_the_same(name):
    case = KERNELS[name](TINY, torch.device("cpu"))
    ours, reference = tensors_of(case.ours()), tensors_of(case.reference())
    assert len(ours) == len(reference) > 0
    for own, other in zip(ours, reference, strict=True):
        apart = 1 if own.dtype == torch.uint8 else 1e-3  # rounding may tip a pixel
        torch.testing.assert_close(own.double(), other.double(), atol=apart, rtol=1e-3)


@pytest.mark.parametrize(
    ("name", "read", "written"),
    [
        # Two images of 3x16x16 floats; pixels of 3x10x10 bytes, four statistics a channel.
        ("finish", 2 * 3 * 256 * 4, 2 * 3 * 100 + 2 * 3 * 4 * 4),
        ("philox_normal", 2 * 8, 2 * 4 * 4 * 4),
        # Four rows; latents and history; two scales, rows and seeds, seven coefficients, a draw.
        ("guided_step", (4 + 2 + 2) * 16 * 4 + 2 * (4 + 8 + 8) + 28 + 8, 2 * 2 * 16 * 4),
        ("group_norm_silu", 2 * 32 * 256 * 4 + 2 * 32 * 4, 2 * 32 * 256 * 4),
        # Four samples of 4 tokens: 64 values and as many gates; 16 channels, a sum and its norm.
        ("geglu", 4 * 4 * 128 * 4, 4 * 4 * 64 * 4),
        ("add_layer_norm", 2 * 4 * 4 * 16 * 4 + 2 * 16 * 4, 2 * 4 * 4 * 16 * 4),
        # Three crops of 8x8 of 10x10 pixels, three indices, three rows of 23 parameters.
        ("augment", 3 * 3 * 64 + 3 * 8 + 3 * 23 * 4, 3 * 3 * 100 * 4),
    ],
)
def test_bytes_are_those_of_inputs_and_outputs(name, read, written):
    found = measure_kernels(KernelSettings((name,), "cpu", rounds=1))
    assert {row.facts["bytes"] for row in found.rows} == {read + written}


def test_a_norm_of_the_unet_is_measured_in_every_way(monkeypatch):
    monkeypatch.setitem(SIZES, "cpu", replace(TINY, norms=((64, 8), (96, 4))))
    found = measure_kernels(KernelSettings(("group_norm_silu",), "cpu", rounds=1))
    shapes = [f"group_norm_silu, {shape} float32" for shape in ("4x64x8x8", "4x96x4x4")]
    for shape in shapes:
        rows = [row for row in found.rows if row.case == shape]
        ways = ["ours, two reads", *(f"ours, runs of {n}" for n in (1, 2, 4))]
        assert [row.name for row in rows] == ["ours", *ways, "eager", "compiled"]
        assert all("seconds" in row.metrics for row in rows)


def test_every_way_of_a_norm_computes_the_same():
    sizes = replace(TINY, norms=((64, 8),))
    _, (_, case) = cases_of(("group_norm_silu",), sizes, torch.device("cpu"))
    for way in case.others.values():
        torch.testing.assert_close(way(), case.reference(), atol=1e-3, rtol=1e-3)


def test_a_way_that_is_refused_is_a_row_with_the_reason(monkeypatch):
    def refused():
        raise RuntimeError("invalid argument")

    case = KERNELS["finish"](TINY, torch.device("cpu"))
    case = replace(case, others={"ours, runs of 4": refused})
    monkeypatch.setitem(KERNELS, "finish", lambda sizes, device: case)
    rows = rows_of(measure_kernels(KernelSettings(("finish",), "cpu", rounds=1)), "finish")
    assert rows["ours, runs of 4"].reason == "RuntimeError: invalid argument"
    assert "seconds" in rows["ours"].metrics


def test_what_cannot_be_compiled_is_reported(monkeypatch):
    def refuse(work, dynamic):
        def broken():
            raise RuntimeError("no compiler\nat all")

        return broken

    monkeypatch.setattr(torch, "compile", refuse)
    rows = rows_of(measure_kernels(KernelSettings(("finish",), "cpu", rounds=1)), "finish")
    assert rows["compiled"].reason == "RuntimeError: no compiler"
    assert not rows["compiled"].metrics
    assert "seconds" in rows["ours"].metrics


def test_an_interruption_ends_the_measurement_with_the_finished_rounds(monkeypatch):
    times = iter([0.1] * 6 + [0.2] * 4)  # six contenders' rounds of both kernels, one of a third

    def timed(work, device, repeats):
        try:
            return next(times)
        except StopIteration:
            raise KeyboardInterrupt from None

    monkeypatch.setattr(kernels, "timed", timed)
    kept = []
    found = measure_kernels(
        KernelSettings(("finish", "guided_step", "augment"), "cpu", 2), Progress(keep=kept.append)
    )
    assert not found.finished
    for kernel, seconds in (("finish", (0.1, 0.1)), ("guided_step", (0.2,))):
        rows = rows_of(found, kernel).values()
        assert [row.metrics["seconds"].values for row in rows] == [seconds] * 3
    assert not rows_of(found, "augment")
    assert "guided_step: it was interrupted after 1 of 2 rounds" in found.reasons
    assert [len(one.rows) for one in kept] == [3, 6]


def test_what_no_graph_records_is_timed_by_calls_and_doubted(monkeypatch):
    def refuse(work, device, calls):
        if len(refused) == 1:
            return work
        refused.append(calls)
        raise RuntimeError("it waits for the device")

    refused = []
    monkeypatch.setattr(kernels, "replayed", refuse)
    monkeypatch.setattr(kernels, "calibrated", lambda work, device, seconds: 1)
    monkeypatch.setattr(kernels, "timed", lambda work, device, repeats: 5.0)
    case = KERNELS["finish"](TINY, torch.device("cpu"))
    timings, _ = kernels._timings(case, torch.device("cuda"))
    ours, eager = timings["ours"], timings["eager"]
    assert (ours.by, ours.seconds()) == ("calls", 5.0)
    assert "as no graph records it (RuntimeError: it waits for the device)" in ours.reason
    assert (eager.by, eager.reason) == ("replays of a CUDA graph", None)
    assert eager.seconds() == 5.0 / kernels._CALLS_A_REPLAY


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        (KernelSettings(("finnish",)), "unknown kernel 'finnish': did you mean 'finish'?"),
        (KernelSettings(rounds=0), "rounds is 0: at least 1 is needed"),
        (KernelSettings(device="tpu"), "unknown device 'tpu'"),
    ],
)
def test_bad_settings_get_one_sentence(settings, complaint):
    with pytest.raises(InputError) as error:
        measure_kernels(settings)
    assert complaint in str(error.value)
