"""What the tests of the command share."""

import signal
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

    def run(*arguments):
        monkeypatch.setenv("COLUMNS", "200")
        monkeypatch.setenv("NO_COLOR", "1")
        monkeypatch.setattr(sys, "argv", ["zeroreal", *map(str, arguments)])
        before = signal.getsignal(signal.SIGTERM)
        try:
            main()
            status = 0
        except SystemExit as end:
            status = end.code or 0
        finally:
            signal.signal(signal.SIGTERM, before)
        return Done(status, *capsys.readouterr())

    return run
