"""Tuning: within the memory allowed, and what happens where it runs out."""

import pytest

from zeroreal.base import InputError
from zeroreal.generate.tuning import bench as tuning_bench

MIB = 2**20


def test_no_batch_passes_the_memory_allowed(machine, asked):
    """Of 130 MiB weights take 100: decoding may take 15 (8 images), and denoising what is left."""
    tuned = machine.tune(asked(memory=130 * MIB))
    assert (tuned.batch_size, tuned.vae_batch_size) == (16, 8)
    assert all(point.bytes <= 22 * MIB for point in tuned.curve)


def test_without_a_limit_a_fifth_of_the_free_memory_stays_free(machine):
    machine.free = 40 * MIB
    assert machine.tune().batch_size == 16, "24 of 32 MiB are left beside decoding 8 images"


def test_a_batch_that_does_not_fit_gets_one_that_does(machine, asked):
    """12 images are tried before 48, which takes 48 MiB."""
    request = asked(engine="torch", batch_size=48, memory=140 * MIB)
    with pytest.raises(
        InputError,
        match="a batch of 48, which takes about 148 MiB, does not fit into 140 MiB of memory with "
        "engine torch: a batch of 12 does: choose it, allow more memory or generate smaller",
    ):
        machine.tune(request)


def test_where_not_one_image_fits_the_remedy_is_named(machine, asked):
    machine.bytes_an_image = 500 * MIB
    with pytest.raises(InputError, match=r"a batch of 1, .* allow more memory or generate smaller"):
        machine.tune(asked(memory=300 * MIB))


def test_weights_that_do_not_fit_are_an_error(machine, asked):
    with pytest.raises(InputError, match="weights of engine torch do not fit into 90 MiB"):
        machine.tune(asked(memory=90 * MIB))


def test_running_out_of_memory_halves_the_batch_and_is_said_once(machine, caplog):
    machine.too_large = 32
    tuned = machine.tune()
    assert tuned.batch_size == 16
    warnings = [record for record in caplog.records if record.levelname == "WARNING"]
    assert [record.getMessage() for record in warnings] == [
        "engine torch ran out of memory: tuning goes on with 16"
    ]


def test_what_is_built_for_a_batch_and_runs_out_of_memory_is_built_for_half(
    machine, monkeypatch, asked
):
    load = machine.load

    def load_or_fail(folder, choice, *rest):
        machine.too_large = 16 if choice.variant == "compiled" else 10_000
        return load(folder, choice, *rest)

    monkeypatch.setattr(tuning_bench, "load_engines", load_or_fail)
    machine.slowness["torch:compiled"] = 0.5
    tuned = machine.tune(asked(engine="torch:compiled"))
    assert (tuned.batch_size, tuned.vae_batch_size) == (8, 2)
    compiled = [choice.batch_size for choice in machine.loaded if choice.variant == "compiled"]
    assert compiled == [32, 16, 8]
