"""A command in a process of its own."""

import sys

import pytest

from zeroreal.benchmarks.e2e.process import timed_process
from zeroreal.benchmarks.harness import ContenderError


def test_seconds_hold_the_whole_process_and_its_words_go_to_the_log(tmp_path):
    program = "import os, time; time.sleep(0.3); print(os.environ['TEST_WORD'])"
    log = tmp_path / "log"
    assert timed_process((sys.executable, "-c", program), log, {"TEST_WORD": "hello"}) > 0.3
    assert log.read_text() == "hello\n"


def test_a_failure_is_told_by_its_last_line(tmp_path):
    program = "print('before'); raise SystemExit('error: no such model')"
    with pytest.raises(ContenderError, match=r"^error: no such model \(status 1\)$"):
        timed_process((sys.executable, "-c", program), tmp_path / "log")
    with pytest.raises(ContenderError, match=r"^nothing was said \(status 3\)$"):
        timed_process((sys.executable, "-c", "raise SystemExit(3)"), tmp_path / "log")
