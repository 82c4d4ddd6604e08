"""The benchmark of the generator's own loop."""

import json

import pytest

from zeroreal.base import InputError
from zeroreal.benchmarks.generation.loop import main


def test_share_and_linearity_are_measured_and_written(tmp_path, capsys):
    result = tmp_path / "loop.json"
    arguments = ["--device", "cpu", "--precision", "fp32", "--batch-size", "2", "--steps", "1"]
    main([*arguments, "--batches", "10", "--rounds", "2", "--result", str(result)])
    found = json.loads(result.read_text())
    assert 0 < found["overhead_share"]["median"] < 1
    assert found["batches"] == [1, 10]
    assert found["throughput_of_the_longer_run"]["median"] > 0
    assert json.loads(capsys.readouterr().out) == found


def test_a_result_that_cannot_be_written_is_found_before_measuring(tmp_path):
    with pytest.raises(InputError, match="is a folder"):
        main(["--result", str(tmp_path)])
