"""The kernel benchmark on tiny inputs, without its compiler."""

import json

import pytest
import torch

from zeroreal.base import InputError
from zeroreal.benchmarks.kernels import bench as kernels
from zeroreal.benchmarks.kernels.bench import KernelSettings, bench_kernels
from zeroreal.benchmarks.kernels.cases import KERNELS, SIZES, Sizes

TINY = Sizes(
    batch=2,
    image=16,
    channels=32,
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
    monkeypatch.setattr(kernels, "copy_bandwidth", lambda device: 1e9)
    monkeypatch.setattr(kernels, "_ROUND_SECONDS", 0.0)
    monkeypatch.setattr(torch, "compile", lambda work: work)


def test_every_kernel_is_measured_by_all_and_written(tmp_path):
    path = tmp_path / "kernels.json"
    result = bench_kernels(KernelSettings(device="cpu", rounds=2, result=path))
    assert json.loads(path.read_text()) == result
    assert [row["kernel"] for row in result["kernels"]] == list(KERNELS)
    for row in result["kernels"]:
        assert [one["name"] for one in row["contenders"]] == ["ours", "eager", "compiled"]
        for one in row["contenders"]:
            assert one["reason"] is None
            assert len(one["seconds"]) == len(one["ratio_each_round"]) == 2
            assert one["bytes_per_second"] == pytest.approx(row["bytes"] / one["spread"]["median"])
            assert one["share_of_copy"] == pytest.approx(one["bytes_per_second"] / 1e9)


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
        # Three crops of 8x8 of 10x10 pixels, three indices, three rows of 23 parameters.
        ("augment", 3 * 3 * 64 + 3 * 8 + 3 * 23 * 4, 3 * 3 * 100 * 4),
    ],
)
def test_bytes_are_those_of_inputs_and_outputs(name, read, written):
    (row,) = bench_kernels(KernelSettings((name,), "cpu", rounds=1))["kernels"]
    assert row["bytes"] == read + written


def test_what_cannot_be_compiled_is_reported(monkeypatch):
    def refuse(work):
        def broken():
            raise RuntimeError("no compiler\nat all")

        return broken

    monkeypatch.setattr(torch, "compile", refuse)
    (row,) = bench_kernels(KernelSettings(("finish",), "cpu", rounds=1))["kernels"]
    assert row["contenders"][2] == {"name": "compiled", "reason": "RuntimeError: no compiler"}
    assert "spread" in row["contenders"][0]


def test_an_interruption_ends_the_measurement_with_the_finished_rounds(monkeypatch, tmp_path):
    times = iter([0.1] * 6 + [0.2] * 4)  # six contenders' rounds of both kernels, one of a third

    def timed(work, device, repeats):
        try:
            return next(times)
        except StopIteration:
            raise KeyboardInterrupt from None

    monkeypatch.setattr(kernels, "timed", timed)
    path = tmp_path / "kernels.json"
    result = bench_kernels(KernelSettings(("finish", "guided_step", "augment"), "cpu", 2, path))
    assert json.loads(path.read_text()) == result
    finish, guided_step = result["kernels"]
    assert result["interrupted"]
    assert [one["seconds"] for one in finish["contenders"]] == [[0.1, 0.1]] * 3
    assert [one["seconds"] for one in guided_step["contenders"]] == [[0.2]] * 3
    assert "it was interrupted after 1 of 2 rounds" in guided_step["doubts"]


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
        bench_kernels(settings)
    assert complaint in str(error.value)
