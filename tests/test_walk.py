"""The documents name files and functions that are there."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted(
    path.relative_to(ROOT).as_posix()
    for path in [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").glob("*.md"),
        ROOT / "benchmarks" / "README.md",
    ]
    if path.name != "CHANGELOG.md"  # it names what was
)
FOLDERS = {path.name for path in ROOT.iterdir() if (path / "__init__.py").is_file()} | {
    "docs",
    "examples",
    "tests",
    "tools",
}
ENDINGS = (".py", ".pyi", ".md", ".j2", ".sh", ".cpp", ".cu", ".h")


def spans(text: str) -> list[str]:
    """What stands in backticks, but for blocks of code."""
    return re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))


def paths(text: str) -> list[str]:
    """The spans that name a file or folder of the repository."""
    return [
        span
        for span in spans(text)
        if re.fullmatch(r"[\w.-]+(/[\w.-]+)*/?", span)
        and ((span.split("/")[0] in FOLDERS and "/" in span) or span.endswith(ENDINGS))
    ]


def read(document: str) -> str:
    return (ROOT / document).read_text(encoding="utf-8")


def defined(path: Path) -> set[str]:
    """The functions and classes of a file, and its classes' methods as `Class.method`."""
    names = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        if isinstance(node, ast.ClassDef):
            functions = [one for one in node.body if isinstance(one, ast.FunctionDef)]
            names |= {f"{node.name}.{one.name}" for one in functions}
    return names


RUN, DATASET = read("docs/walk.md").split("\n## A dataset\n")
STEPS = re.split(r"^(?=\d+\. )|\n\n(?=A run)", RUN, flags=re.MULTILINE)[1:]
DATASET_STEPS = re.split(r"^- ", DATASET, flags=re.MULTILINE)[1:]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_path_that_a_document_names_exists(document):
    assert [path for path in paths(read(document)) if not (ROOT / path).exists()] == []


def test_the_walk_takes_about_ten_steps_and_each_names_files_and_functions():
    assert 10 <= len(STEPS) <= 14
    for step in STEPS:
        assert paths(step)
        assert re.search(r"`[\w.]+\(\)`", step)


@pytest.mark.parametrize(
    "step", [*STEPS, *DATASET_STEPS], ids=lambda step: step[:30].split("`")[0].strip()
)
def test_every_function_of_a_step_is_defined_in_a_file_of_that_step(step):
    files = [ROOT / path for path in paths(step) if path.endswith(".py")]
    there = set().union(*(defined(file) for file in files if file.is_file()))
    named = [span[:-2] for span in spans(step) if span.endswith("()")]
    assert [name for name in named if name not in there] == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("`run/start.py` and `run/nothing.py`", ["run/start.py", "run/nothing.py"]),
        ("`trian/loop.py`", ["trian/loop.py"]),
        ("the folder `kernels/src`", ["kernels/src"]),
        ("`photos/cat`, `owner/name`, `config.yaml`, `a/b [B, 3]`", []),
    ],
)
def test_paths_are_told_from_other_code(text, expected):
    assert paths(text) == expected
