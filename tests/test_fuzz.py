"""Every reader of files, given damaged ones: a sentence or a result, in time, in little memory."""

import subprocess
import sys
from pathlib import Path

import pytest

READERS = Path(__file__).parent / "helpers" / "fuzz_readers.py"


@pytest.mark.slow
def test_no_damaged_file_ends_in_a_traceback():
    command = (sys.executable, str(READERS), "--examples", "60")
    ended = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-6000:]
    assert "no fault" in ended.stdout
