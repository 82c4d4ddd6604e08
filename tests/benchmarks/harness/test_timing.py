"""Timing, by a clock that the work itself moves."""

import pytest
import torch

from zeroreal.base import InputError
from zeroreal.benchmarks.harness import calibrated, replayed, timed, timing

CPU = torch.device("cpu")


class Clock:
    """Work that takes known seconds, and the clock that shows it."""

    def __init__(self, durations):
        self.now = 100.0
        self.calls = 0
        self._durations = durations

    def work(self):
        self.now += self._durations[min(self.calls, len(self._durations) - 1)]
        self.calls += 1


@pytest.fixture
def clock(monkeypatch):
    def make(*durations):
        made = Clock(durations)
        monkeypatch.setattr(timing.time, "perf_counter", lambda: made.now)
        return made

    return make


def test_seconds_are_those_of_one_call_of_several(clock):
    made = clock(1.0, 2.0, 3.0)
    assert timed(made.work, CPU, repeats=3) == 2.0
    assert made.calls == 3


def test_quick_work_is_repeated_until_it_can_be_measured(clock):
    assert calibrated(clock(0.001).work, CPU, 0.1) == 100


def test_the_first_call_does_not_count_for_the_repeats(clock):
    made = clock(50.0, 0.025)  # compiling, then running
    assert calibrated(made.work, CPU, 0.1) == 4


def test_slow_work_is_done_once(clock):
    assert calibrated(clock(2.0).work, CPU, 0.1) == 1


def test_a_cpu_replays_nothing():
    with pytest.raises(InputError, match="CUDA graphs need a CUDA device, not cpu"):
        replayed(lambda: None, CPU, 3)


@pytest.mark.gpu
def test_a_replay_does_all_calls():
    device = torch.device("cuda")
    counter = torch.zeros(1, device=device)
    replay = replayed(lambda: counter.add_(1), device, 5)
    before = counter.item()  # recording does nothing, warming up before it does
    replay()
    assert counter.item() == before + 5
