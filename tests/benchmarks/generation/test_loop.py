"""The benchmark of the generator's own loop."""

import pytest

from zeroreal.base import InputError
from zeroreal.benchmarks.generation import loop
from zeroreal.benchmarks.generation.loop import measure_loop
from zeroreal.benchmarks.generation.settings import LoopSettings
from zeroreal.benchmarks.harness import Progress

FEW = {"precision": "fp32", "batch_size": 2, "steps": 1, "batches": 10}


def test_share_and_linearity_are_measured():
    lines = []
    found = measure_loop(LoopSettings(**FEW, rounds=2), Progress(lines.append))
    (row,) = found.rows
    assert all(0 < share < 1 for share in row.metrics["overhead_share"].values)
    assert len(row.metrics["images_per_second"].values) == 2
    assert row.metrics["long_to_short"].median > 0
    assert found.facts == {"precision": "float32", "batches": [1, 10]}
    assert lines[-1] == "round 2 of 2"


def test_a_long_run_is_held_against_the_short_ones_around_it(monkeypatch):
    rates = iter([9.0, 9.0, 10.0, 24.0, 20.0])  # two warm up
    monkeypatch.setattr(loop, "images_per_second", lambda generator, specs: next(rates))
    monkeypatch.setattr(loop, "overhead_share", lambda generator, specs: 0.25)
    (row,) = measure_loop(LoopSettings(**FEW, rounds=1)).rows
    assert row.metrics["images_per_second"].values == (24.0,)
    assert row.metrics["long_to_short"].values == (24 / 15,)


def test_an_interruption_keeps_the_rounds_before(monkeypatch):
    def tell(line):
        if line == "round 2 of 9":
            raise KeyboardInterrupt

    monkeypatch.setattr(loop, "images_per_second", lambda generator, specs: 1.0)
    monkeypatch.setattr(loop, "overhead_share", lambda generator, specs: 0.25)
    found = measure_loop(LoopSettings(**FEW, rounds=9), Progress(tell))
    assert not found.finished
    assert len(found.rows[0].metrics["long_to_short"].values) == 2


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"batches": 9}, "batches is 9: at least 10 is needed"),
        ({"rounds": 0}, "rounds is 0: at least 1 is needed"),
        ({"device": "tpu"}, "unknown device 'tpu'"),
    ],
)
def test_bad_settings_get_one_sentence(settings, complaint):
    with pytest.raises(InputError) as error:
        measure_loop(LoopSettings(**settings))
    assert complaint in str(error.value)
