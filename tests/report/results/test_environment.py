"""The machine of a result, and the revision of the code, from clones made for it."""

import subprocess
import sys

import pytest
import torch

from zeroreal.report.results import environment
from zeroreal.report.results.environment import command_line, result_environment

CPU = torch.device("cpu")


@pytest.fixture
def clone(monkeypatch, tmp_path):
    """A repository with one commit, taken for that of the sources."""

    def git(*arguments):
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        command = ["git", "-C", str(tmp_path), *identity, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "-q")
    (tmp_path / "code.py").write_text("1\n")
    git("add", "code.py")
    git("commit", "-qm", "first")
    monkeypatch.setattr(environment, "SOURCES", tmp_path)
    return tmp_path, git("rev-parse", "HEAD")


def test_a_clean_clone_is_named_by_its_revision(clone):
    _, revision = clone
    assert result_environment(CPU)["git"] == {"revision": revision, "clean": True}


@pytest.mark.parametrize("name", ["code.py", "new.py"])
def test_a_change_or_a_new_file_makes_it_unclean(clone, name):
    folder, revision = clone
    (folder / name).write_text("2\n")
    assert result_environment(CPU)["git"] == {"revision": revision, "clean": False}


def test_an_installed_package_in_somebody_elses_clone_has_no_revision(clone, monkeypatch):
    folder, _ = clone
    (folder / "site-packages").mkdir()
    monkeypatch.setattr(environment, "SOURCES", folder / "site-packages")
    assert result_environment(CPU)["git"] is None


def test_without_git_there_is_no_revision(clone, monkeypatch):
    folder, _ = clone
    monkeypatch.setenv("PATH", str(folder))
    assert result_environment(CPU)["git"] is None


def test_processor_threads_and_versions_are_named():
    found = result_environment(CPU)
    assert found["torch"] == torch.__version__
    assert found["cpu"]["threads"] == torch.get_num_threads()
    assert found["cpu"]["name"] == found["device"]
    assert "gpu" not in found


def test_the_command_can_be_pasted_into_a_shell(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/a/b/zeroreal", "bench", "x", "--result", "my file.json"])
    assert command_line() == "zeroreal bench x --result 'my file.json'"
