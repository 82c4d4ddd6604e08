"""A command's time: what is stopped leaves what it has, and nothing runs on."""

import json
import os
import signal
import time
from pathlib import Path

import pytest

from zeroreal.benchmarks.documented.running import run_command

PATIENT = """
import json, signal, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
def keep(*_):
    open(sys.argv[1], "w").write(json.dumps({"child": child.pid}))
    sys.exit(130)
signal.signal(signal.SIGTERM, keep)
print("ready", flush=True)
time.sleep(60)
"""
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"


def is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return state != "Z"  # nobody has waited for it yet


def test_a_command_out_of_time_keeps_what_it_has_and_its_children_end(tmp_path):
    path, log = tmp_path / "a.json", tmp_path / "a.log"
    reason = run_command(["-c", PATIENT, str(path)], log, seconds=4.0, grace=3.0)
    assert reason == "it took longer than 0.0667 minutes"
    assert "ready" in log.read_text()
    child = json.loads(path.read_text())["child"]
    for _ in range(100):
        if not is_running(child):
            break
        time.sleep(0.05)
    assert not is_running(child)


def test_a_command_that_does_not_listen_is_killed(tmp_path):
    reason = run_command(["-c", DEAF], tmp_path / "a.log", seconds=1.0, grace=0.5)
    assert reason == "it took longer than 0.0167 minutes"


def test_a_command_that_is_killed_by_others_says_so(tmp_path):
    program = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    assert run_command(["-c", program], tmp_path / "a.log") == "it was ended by SIGKILL"


def test_ctrl_c_ends_the_command(tmp_path):
    def interrupt(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 1.0)
    program = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    try:
        with pytest.raises(KeyboardInterrupt):
            run_command(["-c", program], tmp_path / "a.log")
    finally:
        signal.signal(signal.SIGALRM, before)
    assert not is_running(int((tmp_path / "a.log").read_text()))


def test_a_command_that_fails_has_its_last_words(tmp_path):
    program = "import sys; print('one'); sys.exit('error: two')"
    reason = run_command(["-c", program], tmp_path / "a.log")
    assert reason == "status 1: two (all that it said is in a.log)"
    assert (tmp_path / "a.log").read_text() == "one\nerror: two\n"


def test_a_command_runs_where_it_is_told_to(tmp_path):
    program = "import os; print(os.getcwd())"
    assert run_command(["-c", program], tmp_path / "a.log", folder=tmp_path) is None
    assert Path((tmp_path / "a.log").read_text().strip()).samefile(tmp_path)
