"""Calls in another process. The object there is a module of Python's."""

import importlib
import os
import signal
import time
from functools import partial

import pytest

from zeroreal.benchmarks.harness import ContenderError, Worker


def worker(module):
    return Worker(partial(importlib.import_module, module))


def test_results_come_from_one_other_process():
    with worker("os") as there:
        number = there.call("getpid")
        assert number != os.getpid()
        assert there.call("getpid") == number
    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)


def test_an_exception_there_is_the_reason():
    there = worker("math")
    with pytest.raises(ContenderError, match=r"^ValueError: .*factorial"):
        there.call("factorial", -1)


def test_an_object_that_cannot_be_made_is_the_reason():
    there = worker("no_such_module")
    with pytest.raises(ContenderError, match=r"^ModuleNotFoundError: .*no_such_module"):
        there.call("anything")


def test_a_process_that_dies_is_the_reason():
    there = worker("os")
    with pytest.raises(ContenderError, match="its process ended with status 7"):
        there.call("_exit", 7)


def test_a_killed_process_hints_at_memory():
    there = worker("signal")
    with pytest.raises(ContenderError, match="run out of memory: try a smaller batch"):
        there.call("raise_signal", signal.SIGKILL)


def test_closing_ends_a_call_that_goes_on():
    there = worker("time")
    there._pipe.send(("sleep", (3600,)))
    began = time.monotonic()
    there.close()
    assert not there._process.is_alive()
    assert time.monotonic() - began < 600
