"""Counters of energy, read from files made by hand."""

from types import SimpleNamespace

import pytest
import torch

from zeroreal.benchmarks.latency.energy import (
    Counter,
    CounterMeter,
    counted,
    energy_meter,
    joules_per_image,
)

CPU = torch.device("cpu")


def package(folder, number, energy, largest=1000, name=None):
    zone = folder / f"intel-rapl:{number}"
    zone.mkdir()
    (zone / "name").write_text(f"{name or f'package-{number}'}\n")
    (zone / "energy_uj").write_text(f"{energy}\n")
    (zone / "max_energy_range_uj").write_text(f"{largest}\n")
    return zone / "energy_uj"


@pytest.mark.parametrize(
    ("before", "after", "largest", "steps"),
    [
        (5, 9, 10, 4),
        (5, 5, 10, 0),
        (9, 2, 10, 4),  # 10, 0, 1, 2
        (10, 0, 10, 1),
        (9, 2, None, -7),  # begins never again: as it is
    ],
)
def test_a_counter_may_begin_again(before, after, largest, steps):
    assert counted(before, after, largest) == steps


def test_packages_add_up_to_joules_and_each_may_begin_again(tmp_path):
    first = package(tmp_path, 0, 900_000, largest=999_999)
    second = package(tmp_path, 1, 100)
    package(tmp_path, 2, 7, name="psys")  # the whole platform: its packages are in it
    meter = energy_meter(CPU, tmp_path)
    assert meter.source == "RAPL, 2 packages"
    first.write_text("100000\n")
    second.write_text("600\n")
    assert meter.joules() == pytest.approx((200_000 + 500) * 1e-6)
    assert meter.joules() == 0


def test_a_machine_without_counters_says_so(tmp_path):
    assert "does not show RAPL's counters" in energy_meter(CPU, tmp_path)


def test_a_counter_that_may_not_be_read_says_so(tmp_path):
    package(tmp_path, 0, 0).unlink()
    (tmp_path / "intel-rapl:0" / "energy_uj").mkdir()  # not even root reads a folder
    assert "RAPL's counters cannot be read" in energy_meter(CPU, tmp_path)


def test_joules_are_those_of_all_images_of_a_window(monkeypatch):
    from zeroreal.benchmarks.latency import energy

    count, clock = 0, iter(range(1000))

    def batch():
        nonlocal count
        count += 12

    monkeypatch.setattr(energy.time, "perf_counter", lambda: 0.3 * next(clock))
    meter = CounterMeter("by hand", [Counter(lambda: count, None)], joules_a_count=1.0)
    assert joules_per_image(meter, batch, images=4) == (3.0,) * 5


class Driver:
    """NVML's library as far as it is called; millijoules by hand."""

    def __init__(self, status=0):
        self.status, self.millijoules = status, 5000

    def nvmlInit_v2(self):  # noqa: N802
        return 0

    def nvmlDeviceGetHandleByUUID(self, name, handle):  # noqa: N802
        assert name == b"GPU-1234"
        return 0

    def nvmlDeviceGetTotalEnergyConsumption(self, handle, value):  # noqa: N802
        value._obj.value = self.millijoules
        return self.status


@pytest.fixture
def driver(monkeypatch):
    """A function that puts a driver's library in place, or None: there is no such file."""

    def install(library):
        def load(name):
            if library is None:
                raise OSError(f"{name}: cannot open")
            return library

        monkeypatch.setattr("ctypes.CDLL", load)
        properties = SimpleNamespace(uuid="1234")
        monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: properties)
        return energy_meter(torch.device("cuda", 0))

    return install


def test_a_gpu_s_millijoules_are_the_driver_s(driver):
    library = Driver()
    meter = driver(library)
    library.millijoules = 7500
    assert meter.joules() == pytest.approx(2.5)
    assert meter.source == "NVML, whole board"


def test_a_gpu_without_a_counter_says_so(driver):
    assert "counter cannot be read: NVML's status is 3" in driver(Driver(status=3))
    assert "libnvidia-ml.so.1: cannot open" in driver(None)
