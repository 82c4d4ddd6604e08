"""`zeroreal cache`: what it prints and its exit status."""

import os
import subprocess
import sys
import time

import pytest
from rich.console import Console
from typer.testing import CliRunner

from zeroreal.cli import cache as command
from zeroreal.engine.cache import Cache
from zeroreal.engine.cache_entry import CacheKey

KEY = CacheKey("tensorrt", "unet", "0123abcd", {}, "tensorrt_rtx 1.7.1", "sm_89", None)


def build(folder):
    (folder / "engine.plan").write_bytes(bytes(3_000_000))


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path / "cache")


@pytest.fixture
def entry(cache):
    return cache.get(KEY, build)


@pytest.fixture
def run(cache, monkeypatch):
    """Run a sub-command on `cache`: its exit status and what it printed."""

    def run(*arguments):
        monkeypatch.setenv("ZEROREAL_CACHE", str(cache.root))
        result = CliRunner().invoke(command.cache_app, arguments)
        return result.exit_code, result.output

    monkeypatch.setattr(command, "output", Console(width=200))
    return run


def test_list_shows_what_is_kept(run, cache, entry):
    status, shown = run("list")
    assert status == 0
    for word in ("unet", "tensorrt_rtx 1.7.1", "sm_89", "3.0 MB", "good", f"in {cache.root}"):
        assert word in shown
    assert f"tensorrt/{entry.name[:8]}" in shown
    assert "1 entry" in shown


def test_an_empty_cache_is_no_error(run):
    for name in ("list", "verify", "prune"):
        status, shown = run(name)
        assert status == 0
        assert "0 entries" in shown


def test_verify_exits_1_only_if_an_entry_is_damaged(run, entry):
    status, shown = run("verify")
    assert (status, "0 damaged" in shown) == (0, True)
    os.truncate(entry / "engine.plan", 10)
    status, shown = run("verify")
    assert (status, "1 damaged" in shown) == (1, True)
    assert "engine.plan has 10 bytes, not 3000000" in shown


def test_prune_removes_what_is_damaged_and_says_what_it_freed(run, cache, entry):
    good = cache.get(CacheKey("torch", "vae", "45", {}, "torch 2.15", "sm_89", None), build)
    (entry / "entry.json").write_text("")
    status, shown = run("prune")
    assert status == 0
    assert "Freed 1 entry, 3.0 MB" in shown
    assert not entry.exists()
    assert good.exists()


def test_prune_takes_an_age_in_days(run, entry):
    day_ago = time.time() - 86400
    os.utime(entry / "entry.json", (day_ago, day_ago))
    assert "Freed 0 entries" in run("prune", "--older-than", "1.5")[1]
    assert "Freed 1 entry" in run("prune", "--older-than", "0.5")[1]
    assert not entry.exists()


def test_prune_all_empties_the_cache(run, cache, entry):
    assert "Freed 1 entry" in run("prune", "--all")[1]
    assert cache.entries() == []


def test_the_folder_can_be_named(run, entry, tmp_path):
    Cache(tmp_path / "other").get(KEY, build)
    status, shown = run("prune", "--all", "--cache", str(tmp_path / "other"))
    assert (status, "Freed 1 entry" in shown) == (0, True)
    assert entry.exists()


def test_a_folder_that_is_not_there_is_complained_of(run):
    status, shown = run("list", "--cache", "typo")
    assert status == 2
    assert "does not exist" in shown


def test_the_help_loads_nothing_heavy():
    code = "import sys, zeroreal.cli.cache; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_trust_takes_over_what_others_can_have_written(run, cache, entry):
    (entry / "engine.plan").chmod(0o666)
    assert "cache trust" in run("verify")[1]
    status, shown = run("trust", str(cache.root))
    assert status == 0
    assert "Trusted 1 entry, 3.0 MB" in shown
    assert run("verify")[0] == 0
    (entry / "engine.plan").write_bytes(b"short")
    assert run("trust", str(cache.root))[0] == 1
