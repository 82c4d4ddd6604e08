"""The benchmark of loading an export, with processes that load nothing."""

from types import SimpleNamespace

import pytest

from zeroreal.base import InputError
from zeroreal.benchmarks.harness import Progress
from zeroreal.benchmarks.startup import load
from zeroreal.benchmarks.startup.load import measure_load
from zeroreal.benchmarks.startup.settings import LoadSettings


@pytest.fixture
def lines(monkeypatch):
    """What is told; nothing is exported or loaded."""
    monkeypatch.setattr(
        load, "export_model", lambda model, out, settings: SimpleNamespace(folder=out)
    )
    monkeypatch.setattr(load, "_LOAD", "print(0.25, 'diffusers')")
    return []


def test_every_process_gives_its_seconds_and_what_it_imported(lines):
    found = measure_load(LoadSettings(2), Progress(lines.append))
    (row,) = found.rows
    assert row.metrics["seconds"].values == (0.25, 0.25)
    assert row.facts["imported"] == ["diffusers"]
    assert lines == ["exporting", "run 1 of 2", "run 2 of 2"]
    assert found.finished


def test_an_interruption_keeps_the_runs_before(lines):
    def tell(line):
        if line == "run 2 of 3":
            raise KeyboardInterrupt

    found = measure_load(LoadSettings(3), Progress(tell))
    assert not found.finished
    assert len(found.rows[0].metrics["seconds"].values) == 2


def test_no_runs_are_too_few():
    with pytest.raises(InputError, match="runs is 0: at least 1 is needed"):
        measure_load(LoadSettings(0))
