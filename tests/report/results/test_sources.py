"""The digest of the code that figures were measured with."""

import pytest

from zeroreal.report.results import sources as sources_module
from zeroreal.report.results.sources import code_digest


@pytest.fixture
def sources(tmp_path, monkeypatch):
    for name, text in {
        "train/py.typed": "",
        "train/loop.py": "a = 1\n",
        "kernels/py.typed": "",
        "kernels/src/add.cpp": "int a;\n",
        "cli/py.typed": "",
        "cli/main.py": "b = 1\n",
        "benchmarks/py.typed": "",
        "benchmarks/results/a.json": "{}",
        "benchmarks/documented/parts.py": "c = 1\n",
        "benchmarks/gpu/parts.py": "c = 2\n",
        "tests/test_a.py": "d = 1\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(sources_module, "SOURCES", tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", ["train/loop.py", "kernels/src/add.cpp", "train/new.py"])
def test_other_code_has_another_digest(sources, name):
    before = code_digest()
    (sources / name).write_text("changed")
    assert code_digest() != before


@pytest.mark.parametrize(
    "name",
    [
        "benchmarks/results/a.json",
        "benchmarks/documented/parts.py",
        "benchmarks/gpu/parts.py",
        "cli/main.py",
        "tests/test_a.py",
        "README.md",
    ],
)
def test_what_nothing_measured_stands_on_changes_nothing(sources, name):
    before = code_digest()
    (sources / name).write_text("changed")
    assert code_digest() == before


def test_moving_code_to_another_file_is_another_code(sources):
    before = code_digest()
    (sources / "train" / "loop.py").rename(sources / "train" / "loops.py")
    assert code_digest() != before


def test_places_can_be_named(sources):
    before = code_digest("tests", "train/loop.py")
    (sources / "train" / "other.py").write_text("changed")
    assert code_digest("tests", "train/loop.py") == before
    (sources / "tests" / "test_a.py").write_text("changed")
    assert code_digest("tests", "train/loop.py") != before
