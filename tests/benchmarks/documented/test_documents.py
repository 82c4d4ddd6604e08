"""README, the page of figures and the chart say what the results say."""

import re
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest

from zeroreal.base import InputError
from zeroreal.benchmarks.documented.documents import (
    CHART,
    DOCUMENTS,
    RESULTS,
    documents,
    write_documents,
)
from zeroreal.benchmarks.documented.markers import files
from zeroreal.benchmarks.documented.parts import PARTS

ROOT = Path(__file__).parents[3]


@pytest.fixture
def clone(tmp_path):
    """A copy of what the documents are made from."""
    for path in DOCUMENTS:
        (tmp_path / path).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / path, tmp_path / path)
    shutil.copytree(ROOT / RESULTS, tmp_path / RESULTS)
    (tmp_path / CHART).parent.mkdir()
    shutil.copy(ROOT / CHART, tmp_path / CHART)
    return tmp_path


@pytest.mark.parametrize("path", [*DOCUMENTS, CHART], ids=str)
def test_documents_agree_with_results(path):
    expected = documents(ROOT)[ROOT / path]
    assert (ROOT / path).read_text(encoding="utf-8") == expected, "give `zeroreal bench tables`"


@pytest.mark.parametrize("path", DOCUMENTS, ids=str)
def test_no_line_begins_with_a_figure(path):
    # It would end the paragraph: https://spec.commonmark.org/0.31.2/#html-blocks
    text = (ROOT / path).read_text(encoding="utf-8")
    assert re.findall(r"^ {0,3}<!-- (?:figure|measured|value): .*", text, re.MULTILINE) == []


def test_every_part_is_shown_and_every_file_shown_is_a_part():
    text = "".join((ROOT / path).read_text(encoding="utf-8") for path in DOCUMENTS)
    shown = set(files(text)) - {"run-defaults.json"}  # of a run, not of a benchmark
    assert shown == {part.file for part in PARTS}


def test_a_figure_that_was_changed_by_hand_is_written_anew(clone):
    path = clone / "benchmarks" / "README.md"
    before = path.read_text(encoding="utf-8")
    assert "| random-guidance | 79.3 ± 1.5 |" in before
    path.write_text(before.replace("79.3 ± 1.5", "99.9 ± 0.1"), encoding="utf-8")
    assert write_documents(clone) == (path,)
    assert path.read_text(encoding="utf-8") == before
    assert write_documents(clone) == ()


def test_the_chart_has_a_bar_for_each_contender_as_long_as_its_figure(clone):
    (clone / CHART).unlink()
    assert write_documents(clone) == (clone / CHART,)
    drawing = ElementTree.fromstring((clone / CHART).read_text())
    space = "{http://www.w3.org/2000/svg}"
    texts = [one.text for one in drawing.iter(f"{space}text")][1:]
    bars = [(one.get("class"), float(one.get("width"))) for one in drawing.iter(f"{space}rect")]
    names, figures = texts[::2], [float(text) for text in texts[1::2]]
    assert [kind for kind, _ in bars] == [
        "ours" if name.startswith("ours") else "peer" for name in names
    ]
    longest = max(width for _, width in bars)
    for (_, width), figure in zip(bars, figures, strict=True):
        assert width / longest == pytest.approx(figure / max(figures), abs=0.002)


def test_a_folder_that_is_no_clone_gets_one_sentence(tmp_path):
    with pytest.raises(InputError, match=r"is no clone of zeroreal, 'README\.md' is not in it"):
        write_documents(tmp_path)
