"""Files appear whole or not at all, through no link, and with the rights that the umask leaves."""

import errno
import os
import subprocess
import sys

import pytest

from zeroreal.base import files
from zeroreal.base.files import check_writable, write_atomically


def test_a_file_is_replaced_whole_and_leaves_nothing_beside_it(tmp_path):
    path = tmp_path / "config.yaml"
    for content in (b"first", b"second"):
        write_atomically(path, content)
        assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_the_umask_is_respected(tmp_path, umask):
    before = os.umask(umask)
    try:
        write_atomically(tmp_path / "file", b"")
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o666 & ~umask


@pytest.mark.parametrize("planted", ["link", "dangling link", "file"])
def test_nothing_that_lies_under_the_temporary_name_is_touched(tmp_path, monkeypatch, planted):
    monkeypatch.setattr(files.secrets, "token_hex", lambda count: "guessed")
    target = tmp_path / "target"
    name = tmp_path / f".report.html.{os.getpid()}-guessed.tmp"
    if planted != "dangling link":
        target.write_bytes(b"mine")
    if planted == "file":
        target.rename(name)
    else:
        name.symlink_to(target)
    before = {path.name: path.is_file() and path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(FileExistsError):
        write_atomically(tmp_path / "report.html", b"theirs")
    after = {path.name: path.is_file() and path.read_bytes() for path in tmp_path.iterdir()}
    assert after == before


def test_a_full_disk_names_the_file_and_leaves_the_one_before(tmp_path):
    path = tmp_path / "checkpoint"
    write_atomically(path, b"before")
    script = (
        "import resource, sys; from pathlib import Path\n"
        "from zeroreal.base.files import write_atomically\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try: write_atomically(Path(sys.argv[1]), bytes(5000))\n"
        "except OSError as error: print(error.errno, error.filename)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True)
    assert done.stdout.split() == [str(errno.EFBIG), str(path)], done.stderr
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_can_be_written_is_left_as_it_was(tmp_path):
    check_writable(tmp_path)
    check_writable(tmp_path / "new" / "below")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(NotADirectoryError) as caught:
            check_writable(folder)
        assert caught.value.filename == str(tmp_path / "file")
    if os.path.isdir("/proc/self"):
        with pytest.raises(OSError, match="/proc/self"):
            check_writable(files.Path("/proc/self/run"))
