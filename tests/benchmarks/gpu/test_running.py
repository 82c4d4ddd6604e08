"""A part's time: what is stopped leaves what it has, and nothing runs on."""

import json
import os
import signal
import time
from pathlib import Path

import pytest

from zeroreal.benchmarks.gpu import running
from zeroreal.benchmarks.gpu.ledger import is_finished

PATIENT = """
import json, signal, subprocess, sys, time
path = sys.argv[sys.argv.index("--result") + 1]
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
def keep(*_):
    open(path, "w").write(json.dumps({"finished": False, "child": child.pid}))
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


def test_a_part_out_of_time_keeps_what_it_has_and_its_children_end(part, tmp_path):
    path = tmp_path / "a.json"
    reason = running.run_part(part("a", PATIENT), path, 4.0, 3.0)
    assert reason == "it took longer than 0.0667 minutes; what it had by then is in a.json"
    assert "ready" in (tmp_path / "a.log").read_text()
    assert not is_finished(path)
    child = json.loads(path.read_text())["child"]
    for _ in range(100):
        if not is_running(child):
            break
        time.sleep(0.05)
    assert not is_running(child)


def test_a_part_that_does_not_listen_is_killed(part, tmp_path):
    reason = running.run_part(part("a", DEAF), tmp_path / "a.json", 1.0, 0.5)
    assert reason == "it took longer than 0.0167 minutes; nothing was kept"


def test_a_part_that_is_killed_by_others_says_so(part, tmp_path):
    program = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    reason = running.run_part(part("a", program), tmp_path / "a.json", 60.0)
    assert reason == "it was ended by SIGKILL; nothing was kept"


def test_ctrl_c_ends_the_part(part, tmp_path):
    def interrupt(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 1.0)
    try:
        with pytest.raises(KeyboardInterrupt):
            running.run_part(part("a", "import time; time.sleep(60)"), tmp_path / "a.json", 60.0)
    finally:
        signal.signal(signal.SIGALRM, before)


def test_an_old_result_does_not_pass_for_a_new_one(part, tmp_path):
    path = tmp_path / "a.json"
    path.write_text('{"finished": true}')
    assert "left no finished result" in running.run_part(part("a", "pass"), path, 60.0)
