"""The machine's state, from files and an nvidia-smi that say what is known."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from zeroreal.report.results import conditions
from zeroreal.report.results.conditions import Conditions, Processors, gpu_figures

CPU, GPU = torch.device("cpu"), torch.device("cuda", 0)
# user nice system idle iowait irq softirq steal guest guest_nice
STAT = "cpu  100 10 20 800 50 5 5 10 3 1\ncpu0 1 2 3\nintr 7\n"


@pytest.fixture
def stat(monkeypatch):
    """A function that has /proc/stat say one text after the other; the last stays."""

    def say(*texts):
        left = list(texts)
        read = Path.read_text

        def reading(path, *args, **kwargs):
            if str(path) != "/proc/stat":
                return read(path, *args, **kwargs)
            text = left.pop(0) if len(left) > 1 else left[0]
            if isinstance(text, OSError):
                raise text
            return text

        monkeypatch.setattr(Path, "read_text", reading)

    return say


@pytest.fixture
def nvidia_smi(monkeypatch, tmp_path):
    """A function that makes an nvidia-smi of a shell script's lines; calls are in its log."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(
        conditions.torch.cuda, "get_device_properties", lambda device: SimpleNamespace(uuid="12-ab")
    )

    def make(*lines):
        program = tmp_path / "nvidia-smi"
        log = tmp_path / "log"
        program.write_text("\n".join(["#!/bin/sh", f'echo "$@" >> {log}', *lines]) + "\n")
        program.chmod(0o755)
        return log

    return make


def ticks(user=0, idle=0, stolen=0):
    return f"cpu  {user} 0 0 {idle} 0 0 0 {stolen} 0 0\n"


def test_guests_are_counted_once_and_waiting_is_idle(stat):
    stat(STAT)
    # 100 + 10 + 20 + 5 + 5 busy; guests are part of user and nice.
    assert Processors.now() == Processors(total=1000, busy=140, stolen=10)


def test_without_proc_nothing_is_known(stat):
    stat(OSError())
    looked = Conditions(CPU, look=0)
    assert looked.busy is None
    assert looked.content()["stolen_share"] is None
    assert looked.reasons() == []


@pytest.mark.parametrize(("busy", "is_told"), [(4, False), (5, False), (6, True), (100, True)])
def test_a_busy_machine_is_told(stat, busy, is_told):
    stat(ticks(), ticks(user=busy, idle=100 - busy))
    looked = Conditions(CPU, look=0)
    assert looked.content()["busy_share_before"] == busy / 100
    told = f"other programs took {busy} % of the processors before the start, 5 % is the most"
    assert looked.reasons() == [told] * is_told


def test_what_the_measurement_itself_takes_is_no_reason(stat):
    stat(ticks(), ticks(idle=100), ticks(user=1000, idle=100))
    assert Conditions(CPU, look=0).reasons() == []


def test_time_that_the_hypervisor_took_is_told(stat):
    stat(ticks(), ticks(idle=100), ticks(idle=197, stolen=3))
    looked = Conditions(CPU, look=0)
    (told,) = looked.reasons()
    assert told.startswith("the hypervisor gave 3 % of the processors' time to others")
    assert looked.content()["stolen_share"] == 0.03


def test_of_a_cpu_nvidia_smi_is_not_asked(nvidia_smi):
    log = nvidia_smi("echo 1")
    assert gpu_figures(CPU, ("clocks.sm",)) == {}
    assert not log.exists()


def test_a_gpu_is_asked_for_by_its_number_and_answers_in_order(nvidia_smi):
    log = nvidia_smi("echo '1980, [N/A], 700.00'")
    fields = ("clocks.sm", "mig.mode.current", "power.limit")
    assert gpu_figures(GPU, fields) == {
        "clocks.sm": "1980",
        "mig.mode.current": "[N/A]",
        "power.limit": "700.00",
    }
    assert log.read_text().split() == [
        "--id=GPU-12-ab",
        "--query-gpu=clocks.sm,mig.mode.current,power.limit",
        "--format=csv,noheader,nounits",
    ]


@pytest.mark.parametrize("line", ["echo 1", "exit 9", "echo 'No devices were found'; exit 6"])
def test_an_answer_that_is_none_is_left_out(nvidia_smi, line):
    nvidia_smi(line)
    assert gpu_figures(GPU, ("clocks.sm", "clocks.mem")) == {}


def test_without_nvidia_smi_nothing_is_known(nvidia_smi, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpu_figures(GPU, ("clocks.sm",)) == {}


THROTTLED = [
    "the GPU was throttled at the end: it was too hot",
    "the GPU was throttled at the end: it reached its power limit",
]


def test_throttling_is_told(nvidia_smi):
    nvidia_smi("echo 'Not Active, Active, Active'")
    assert Conditions(GPU, look=0)._throttled() == [
        told.removeprefix("the GPU was throttled at the end: ") for told in THROTTLED
    ]


def test_older_drivers_name_it_otherwise(nvidia_smi, stat):
    nvidia_smi(
        'case "$*" in *clocks_event_reasons*)',
        "echo 'Field is not a valid field to query.'; exit 2;;",
        "esac",
        "echo 'Not Active, Active, Active'",
    )
    stat(ticks(idle=1))
    assert Conditions(GPU, look=0).reasons() == THROTTLED


def test_a_gpu_at_full_speed_is_no_reason(nvidia_smi, stat):
    nvidia_smi("echo 'Not Active, Not Active, Not Active'")
    stat(ticks(idle=1))
    assert Conditions(GPU, look=0).reasons() == []
