"""Where a result can be written, before hours are spent on it; and the command that it names."""

import pytest

from zeroreal.base import InputError
from zeroreal.report.results.environment import command_line
from zeroreal.report.results.writing import check_can_write, check_result_path


def test_checking_makes_the_folder_and_leaves_no_file(tmp_path):
    check_result_path(tmp_path / "new" / "result.json")
    check_can_write(tmp_path / "new" / "table.yaml", "table")
    assert list(tmp_path.iterdir()) == [tmp_path / "new"]
    assert list((tmp_path / "new").iterdir()) == []


def test_a_path_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(InputError, match=r"^result file .* cannot be written .*: choose another"):
        check_result_path(tmp_path / "file" / "result.json")
    with pytest.raises(InputError, match="is a folder: give the path of a file in it"):
        check_result_path(tmp_path / "folder.json")
    with pytest.raises(InputError, match=r"does not end in \.json"):
        check_result_path(tmp_path / "result.txt")
    with pytest.raises(InputError, match=r"^table .* is a folder"):
        check_can_write(tmp_path, "table")


def test_the_command_is_what_was_typed(monkeypatch):
    monkeypatch.setattr("sys.argv", ["/usr/bin/zeroreal", "bench", "plan", "--result", "a b"])
    assert command_line() == "zeroreal bench plan --result 'a b'"
