"""Result files."""

import json

import pytest
import torch

from zeroreal.base import InputError
from zeroreal.benchmarks.harness import check_result_path, run_facts, write_result


def test_a_result_is_json_that_names_command_date_and_environment(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["/usr/bin/zeroreal", "bench", "kernels", "--rounds", "2"])
    path = tmp_path / "new" / "result.json"
    check_result_path(path)
    write_result(path, {**run_facts(torch.device("cpu")), "figure": 1.5})
    read = json.loads(path.read_text())
    assert read["command"] == "zeroreal bench kernels --rounds 2"
    assert read["date"][:2] == "20"
    assert read["environment"]["torch"] == torch.__version__
    assert read["figure"] == 1.5


def test_checking_leaves_no_file(tmp_path):
    check_result_path(tmp_path / "result.json")
    assert list(tmp_path.iterdir()) == []


def test_a_path_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"cannot be written .*: choose another path"):
        check_result_path(tmp_path / "file" / "result.json")
    with pytest.raises(InputError, match="is a folder: give the path of a file in it"):
        check_result_path(tmp_path)
