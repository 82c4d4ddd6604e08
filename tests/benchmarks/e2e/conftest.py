"""Contenders that take no time: what they were asked for."""

from types import SimpleNamespace

import pytest

from zeroreal.benchmarks.e2e import runs
from zeroreal.benchmarks.e2e.run_figures import RunFigures

SPEEDS = {"ours": 40.0, "usual": 10.0, "informed": 20.0}
"""Images a second by what they are called here."""


class Quiet:
    """Conditions of a machine that nobody else uses."""

    def __init__(self, device):
        pass

    def reasons(self):
        return []


@pytest.fixture
def asked(monkeypatch):
    """`runs` of (contender, images, seed) and what was `settled`; `fail` maps a run to an error."""
    told = SimpleNamespace(runs=[], settled=[], fail={})

    def figures(name, images, seed):
        told.runs.append((name, images, seed))
        if (name, images, seed) in told.fail:
            raise told.fail[name, images, seed]
        seconds = images / SPEEDS[name]
        return RunFigures(seconds, 0.0, seconds, 0.0, 0.0, min(0.9, images / 1000 + seed / 100))

    def name_of(settings):
        return "usual" if settings.recipe == "base" else "informed"

    def run_ours(settings, folder, cache):
        return figures("ours", 10 * settings.images_per_class, settings.seed)

    def run_peer(settings, settled, folder, device, images_per_class, seed):
        assert settled == {"batch_size": 8}
        return figures(name_of(settings), 10 * images_per_class, seed)

    def settle_ours(settings, folder, cache):
        told.settled.append("ours")
        return {}

    def settle_peer(settings, folder, device):
        told.settled.append(name_of(settings))
        return {"batch_size": 8}

    for function in (run_ours, run_peer, settle_ours, settle_peer):
        monkeypatch.setattr(runs, function.__name__, function)
    monkeypatch.setattr(runs, "Conditions", Quiet)
    return told
