"""How the code is laid out: which package imports which, and how long files and functions are."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

STANDS_ON = {
    "base": (),
    "kernels": (),
    "assets": (),
    "engine": ("base",),
    "data": ("base",),
    "report": ("base",),
    "export": ("engine", "kernels", "assets"),
    "encoders": ("export", "data"),
    "generate": ("encoders", "report"),
    "train": ("generate",),
    "run": ("train",),
    "benchmarks": ("run",),
    "cli": ("benchmarks",),
}
"""The packages right below each; a package may import what these may, too."""

MOST_FLOORS = 5
MOST_LINES, USUAL_LINES = 300, 180
MOST_FUNCTION_LINES = 60


def below(package: str) -> set[str]:
    """What a package may import."""
    direct = STANDS_ON[package]
    return {*direct, *(name for lower in direct for name in below(lower))}


def modules(folder: str) -> list[Path]:
    """The modules of a folder and its sub-folders, stubs included."""
    return sorted(path for path in (ROOT / folder).rglob("*.py*") if path.suffix in (".py", ".pyi"))


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(path: Path) -> Iterator[tuple[str, ...]]:
    """What a module imports of ours, wherever it does so: paths below `zeroreal`, dots split."""
    package = ("zeroreal", *path.parent.relative_to(ROOT).parts)
    for node in ast.walk(parsed(path)):
        names: list[tuple[str, ...]] = []
        if isinstance(node, ast.Import):
            names = [tuple(alias.name.split(".")) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            parent = package[: len(package) - node.level + 1] if node.level else ()
            module = (*parent, *(node.module or "").split(".")) if node.module else parent
            names = [(*module, alias.name) for alias in node.names]
        yield from (name[1:] for name in names if name[0] == "zeroreal" and len(name) > 1)


def floors(folder: Path) -> list[str]:
    """The longest chain of modules of one folder that import each other, the highest first.

    Modules that import each other in a circle stand on one floor.
    """
    own = {path.stem: path for path in folder.glob("*.py") if path.stem != "__init__"}
    place = folder.relative_to(ROOT).parts
    direct = {
        name: {
            target[len(place)]
            for target in imports(path)
            if target[: len(place)] == place and len(target) > len(place)
        }
        & (own.keys() - {name})
        for name, path in own.items()
    }
    return max((_chain(name, direct) for name in direct), key=len, default=[])


def _chain(start: str, direct: dict[str, set[str]]) -> list[str]:
    reached = {name: _reached(name, direct) for name in direct}

    @cache
    def chain(name: str) -> tuple[str, ...]:
        circle = {other for other in reached[name] if name in reached[other]} | {name}
        lower = {other for member in circle for other in direct[member]} - circle
        return (name, *max((chain(other) for other in sorted(lower)), key=len, default=()))

    return list(chain(start))


def _reached(start: str, direct: dict[str, set[str]]) -> set[str]:
    found: set[str] = set()
    waiting = [start]
    while waiting:
        new = direct[waiting.pop()] - found
        found |= new
        waiting += new
    return found


def test_the_order_names_every_package_that_is_installed():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    installed = project["tool"]["scikit-build"]["wheel"]["packages"].values()
    assert sorted(STANDS_ON) == sorted(installed)


def test_the_table_for_contributors_says_what_each_package_stands_on():
    table = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)/` \| `zeroreal\.\w+` \| .* \| ([^|]*) \|$", table, re.MULTILINE)
    said = {name: () if on == "-" else tuple(on.split(", ")) for name, on in rows}
    assert said == STANDS_ON


@pytest.mark.parametrize("package", STANDS_ON)
def test_a_package_imports_only_those_below(package):
    allowed = {package, *below(package)}
    upward = [
        f"{path.relative_to(ROOT)} -> {'.'.join(target)}"
        for path in modules(package)
        for target in imports(path)
        if target[0] not in allowed
    ]
    assert upward == []


def test_imports_are_found_wherever_they_stand(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    module = tmp_path / "train" / "pool" / "feed.py"
    module.parent.mkdir(parents=True)
    module.write_text(
        "from typing import TYPE_CHECKING\n"
        "import zeroreal.cli.main\n"
        "from zeroreal import run\n"
        "if TYPE_CHECKING:\n"
        "    from ...generate import ImageBatch\n"
        "def work():\n"
        "    from ... import cli\n"
        "    from ..settings import TrainSettings\n"
        "    from . import pool\n"
    )
    assert set(imports(module)) == {
        ("cli", "main"),
        ("run",),
        ("generate", "ImageBatch"),
        ("cli",),
        ("train", "settings", "TrainSettings"),
        ("train", "pool", "pool"),
    }


def test_no_folder_has_more_than_five_floors():
    folders = {path.parent for package in STANDS_ON for path in modules(package)}
    high = {str(folder.relative_to(ROOT)): floors(folder) for folder in sorted(folders)}
    assert {folder: chain for folder, chain in high.items() if len(chain) > MOST_FLOORS} == {}


def test_a_circle_of_modules_is_one_floor(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    sources = {
        "a": "from .b import x",
        "b": "from .c import x",
        "c": "from .b import y\nfrom .d import x",
        "d": "from . import e",
        "e": "",
    }
    (tmp_path / "run").mkdir()
    for name, source in sources.items():
        (tmp_path / "run" / f"{name}.py").write_text(source)
    assert floors(tmp_path / "run") == ["a", "b", "d", "e"]


def test_the_command_and_the_settings_do_without_pytorch():
    program = (
        "import sys, zeroreal.cli.main, zeroreal.train.settings, zeroreal.run.settings\n"
        "print('torch' in sys.modules)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ended.stdout.strip() == "False"


def _sources() -> list[Path]:
    folders = (*STANDS_ON, "tools", "examples", "tests")
    return [path for folder in folders for path in modules(folder) if path.suffix == ".py"]


def test_no_file_is_longer_than_300_lines():
    lengths = {str(p.relative_to(ROOT)): len(p.read_text().splitlines()) for p in _sources()}
    assert {name: lines for name, lines in lengths.items() if lines > MOST_LINES} == {}


def test_nine_files_in_ten_have_fewer_than_180_lines():
    lengths = [len(path.read_text().splitlines()) for path in _sources()]
    assert sum(lines < USUAL_LINES for lines in lengths) / len(lengths) >= 0.9


def test_no_function_is_longer_than_60_lines():
    long = {}
    for path in _sources():
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
                lines = (node.end_lineno or first) - first + 1
                if lines > MOST_FUNCTION_LINES:
                    long[f"{path.relative_to(ROOT)}:{first} {node.name}"] = lines
    assert long == {}
