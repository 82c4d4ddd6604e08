"""The benchmark of loading an export, with processes that load nothing."""

import json
from types import SimpleNamespace

import pytest

from zeroreal.base import InputError
from zeroreal.benchmarks.startup import load
from zeroreal.benchmarks.startup.load import LoadSettings, bench_load


def test_every_process_gives_its_seconds_and_what_it_imported(monkeypatch, tmp_path):
    monkeypatch.setattr(
        load, "export_model", lambda model, out, settings: SimpleNamespace(folder=out)
    )
    monkeypatch.setattr(load, "_LOAD", "print(0.25, 'diffusers')")
    path, lines = tmp_path / "load.json", []
    result = bench_load(LoadSettings(2, path), lines.append)
    assert json.loads(path.read_text()) == result
    assert result["seconds"] == [0.25, 0.25]
    assert result["spread"]["median"] == 0.25
    assert result["imported"] == ["diffusers"]
    assert lines == ["exporting", "run 1 of 2", "run 2 of 2"]


def test_no_runs_are_too_few():
    with pytest.raises(InputError, match="runs is 0: at least 1 is needed"):
        bench_load(LoadSettings(0))
