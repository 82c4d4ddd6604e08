"""What can be asked for, and what cannot."""

import pytest

from zeroreal.base import InputError
from zeroreal.benchmarks.latency.clocks import main_clock, processor_speeds
from zeroreal.benchmarks.latency.settings import LatencySettings, batch_sizes
from zeroreal.generate import GenerateSettings


def test_sizes_are_sorted_and_each_is_there_once():
    assert batch_sizes("8,1, 4,8") == (1, 4, 8)


@pytest.mark.parametrize("text", ["", "0", "1,,2", "a", "1.5", "-1"])
def test_what_is_no_size_is_said(text):
    with pytest.raises(InputError, match=r"no batch sizes: give numbers from 1 on"):
        batch_sizes(text)


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"parts": ("stage",)}, "unknown part 'stage': did you mean 'stages'"),
        ({"batches": 0}, "batches is 0: at least 1 is needed"),
        ({"sweep_batches": 0}, "sweep batches is 0"),
        ({"starts": 0}, "starts is 0"),
        ({"guard_images": 0}, "guard images is 0"),
        (
            {"random_weights": "sd15", "generate": GenerateSettings(model="m")},
            "both a model and random weights were given",
        ),
    ],
)
def test_bad_settings_get_one_sentence(settings, complaint):
    with pytest.raises(InputError, match=complaint):
        LatencySettings(**settings)


def test_the_processors_speeds_are_read():
    text = "processor : 0\ncpu MHz\t\t: 2596.125\n\nprocessor : 1\ncpu MHz\t\t: 1400.5\n"
    assert processor_speeds(text) == [2596.125, 1400.5]
    assert processor_speeds("processor : 0\n") == []


def test_computing_depends_on_the_multiprocessors_clock():
    assert main_clock({"memory_mhz": 2600.0, "sm_mhz": 1900.0}) == 1900
    assert main_clock({"cpu_mhz": 2600.0}) == 2600
    assert main_clock({}) is None
