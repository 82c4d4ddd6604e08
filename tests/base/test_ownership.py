"""What another user can have written is told from what only this one can."""

import os

import pytest

from zeroreal.base.ownership import close_to_others, distrust

NOBODY = 65534


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "engine.so"
    path.write_bytes(b"code")
    path.chmod(0o644)
    return path


def test_a_file_of_ones_own_is_trusted(file):
    assert distrust([file]) is None


@pytest.mark.parametrize("mode", [0o664, 0o646, 0o666])
def test_what_others_may_write_is_not_until_it_is_closed(file, mode):
    file.chmod(mode)
    assert distrust([file]) == "engine.so can be written by others"
    close_to_others(file)
    assert distrust([file]) is None
    assert file.stat().st_mode & 0o777 == mode & ~0o022


def test_a_link_is_not_whatever_it_leads_to(file, tmp_path):
    (tmp_path / "link").symlink_to(file)
    assert distrust([file, tmp_path / "link"]) == "link is a link"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_file_of_another_user_is_not(file):
    os.chown(file, NOBODY, -1)
    assert distrust([file]) == f"engine.so belongs to user {NOBODY}"


def test_a_file_that_is_gone_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        distrust([tmp_path / "nowhere"])
