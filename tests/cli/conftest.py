"""What the tests of the command share."""

import os
import signal
import subprocess
import sys
from dataclasses import dataclass

import pytest

from zeroreal.cli.main import main


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    returncode: int
    stdout: str
    stderr: str

    @property
    def shown(self):
        """All that was printed, without line breaks and the frames of tables."""
        text = "".join(" " if char in "│┃" else char for char in self.stdout + self.stderr)
        return " ".join(text.split())


@pytest.fixture
def command(monkeypatch, capsys):
    """A function that runs the command in this process, which saves the time of loading PyTorch.

    An error that the command does not turn into a sentence is raised.
    """

    def run(*arguments, columns=200):
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setenv("NO_COLOR", "1")
        monkeypatch.setattr(sys, "argv", ["zeroreal", *map(str, arguments)])
        before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
        try:
            main()
            status = 0
        except SystemExit as end:
            status = end.code or 0
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        return Done(status, *capsys.readouterr())

    return run


COMMAND = [sys.executable, "-c", "from zeroreal.cli.main import main; main()"]
SMALL = [
    "run",
    *("--images-per-class", "8", "--steps", "2", "--epochs", "2"),
    *("--device", "cpu", "--precision", "fp32", "--batch-size", "20", "--tune", "off"),
]


def zeroreal(*arguments, cwd=None, **options):
    """The command in a process of its own."""
    environment = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1"}
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=environment,
        check=False,
        **options,
    )


@pytest.fixture(name="small_run", scope="session")
def _small_run():
    return SMALL


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """The folder of a small run, and what the command left behind."""
    folder = tmp_path_factory.mktemp("cli")
    done = zeroreal(*SMALL, cwd=folder)
    assert done.returncode == 0, done.stderr
    (run,) = (folder / "runs").iterdir()
    return run, done


@pytest.fixture(name="zeroreal", scope="session")
def _zeroreal():
    return zeroreal
