"""The benchmark of the generator's own loop."""

import json

import pytest

from zeroreal.base import InputError
from zeroreal.benchmarks.generation.loop import LoopSettings, bench_loop


def test_share_and_linearity_are_measured_and_written(tmp_path):
    path, lines = tmp_path / "loop.json", []
    few = {"precision": "fp32", "batch_size": 2, "steps": 1, "batches": 10, "rounds": 2}
    found = bench_loop(LoopSettings(**few, result=path), lines.append)
    assert json.loads(path.read_text()) == found
    assert 0 < found["overhead_share"]["median"] < 1
    assert found["batches"] == [1, 10]
    assert found["throughput_of_the_longer_run"]["median"] > 0
    assert lines[-1] == "round 2 of 2"


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
        bench_loop(LoopSettings(**settings))
    assert complaint in str(error.value)


def test_a_result_that_cannot_be_written_is_found_before_measuring(tmp_path):
    with pytest.raises(InputError, match="is a folder"):
        bench_loop(LoopSettings(result=tmp_path))
