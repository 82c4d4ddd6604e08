"""`zeroreal bench all` and `tables`: what they pass on, what they say, how they end."""

from pathlib import Path

import pytest

from zeroreal.base import InputError
from zeroreal.benchmarks.documented import measuring
from zeroreal.benchmarks.documented.documents import CHART, DOCUMENTS


@pytest.fixture
def clone(tmp_path):
    """A clone whose documents show nothing."""
    for path in DOCUMENTS:
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text("<!-- measured: r.json -->1<!-- end -->\n")
    return tmp_path


def test_tables_says_what_it_wrote(command, clone):
    done = command("bench", "tables", "--clone", clone)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [f"written: {clone / path}" for path in DOCUMENTS]
    assert (clone / "README.md").read_text() == (
        "<!-- measured: r.json -->not measured yet<!-- end -->\n"
    )
    done = command("bench", "tables", "--clone", clone)
    assert done.stdout == "the documents are as the results have them\n"
    assert not (clone / CHART).exists()


def test_all_passes_options_on_and_tells_how_far_it_is(command, monkeypatch):
    given = []

    def measure(clone, *, real, only, tell):
        given.append((clone, real, list(only)))
        tell("half of it")
        return ()

    monkeypatch.setattr(measuring, "measure_documented", measure)
    assert command("bench", "all").returncode == 0
    done = command(
        *("bench", "all", "--real", "idx", "--only", "a.json", "--only", "b.json"),
        *("--clone", "here"),
    )
    assert "half of it" in done.stderr
    assert given == [
        (Path(), None, []),
        (Path("here"), Path("idx"), ["a.json", "b.json"]),
    ]


@pytest.mark.parametrize("words", [["all"], ["tables"]])
def test_a_folder_that_is_no_clone_gets_one_sentence(command, words, tmp_path):
    done = command("bench", *words, "--clone", tmp_path)
    assert done.returncode == 2
    assert "is no clone of zeroreal" in done.shown
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("error", "status"), [(KeyboardInterrupt(), 130), (InputError("a.json could not be"), 2)]
)
def test_how_it_ends(command, monkeypatch, error, status):
    def measure(*_, **__):
        raise error

    monkeypatch.setattr(measuring, "measure_documented", measure)
    assert command("bench", "all").returncode == status
