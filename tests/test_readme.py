"""What README and documents promise, as far as a program can check it."""

import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import torch
import typer
from PIL import Image

from zeroreal.cli.main import app

ROOT = Path(__file__).parents[1]
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "benchmarks" / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
]


@cache
def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def example(name: str) -> str:
    """The one Python example of a document."""
    (found,) = re.findall(r"```python\n(.*?)```", read(name), re.DOTALL)
    return found


def command_lines(text: str) -> Iterator[str]:
    """The `zeroreal` commands of a document: in blocks of code, and in backticks."""
    text = re.sub(r"```python\n.*?```", "", text, flags=re.DOTALL)
    blocks = re.sub(r"\\\n\s*", "", "\n".join(re.findall(r"^ {4}(.*)", text, re.MULTILINE)))
    for line in blocks.splitlines():
        if found := re.match(r"(?:torchrun .*?)?(zeroreal .*)", line.strip()):
            yield found[1]
    yield from re.findall(r"`(zeroreal [^`\n]*)`", text)


def check_command(line: str) -> None:
    """Have the command's own parser read a line.

    `...` in it stands for further options; a name alone mentions a command, and may lack what that
    needs.
    """
    words = shlex.split(line.split(" > ")[0], comments=True)[1:]
    is_part = "..." in words
    words = [word for word in words if word != "..."]
    command, names = typer.main.get_command(app), []
    while hasattr(command, "commands"):
        name = words.pop(0) if words else None
        assert name in command.commands, f"{line!r} names no sub-command of {names}: {name!r}"
        command = command.commands[name]
        names.append(name)
    is_part = is_part or not words
    try:
        command.make_context(" ".join(names), words)
    except Exception as error:
        # By its name: newer versions of typer bring click's exceptions with them.
        if not (is_part and type(error).__name__ == "MissingParameter"):
            raise AssertionError(f"{line!r} cannot be parsed: {error}") from error


def flags(command: object) -> set[str]:
    """Every option of a command and its sub-commands."""
    inner = getattr(command, "commands", {}).values()
    own = {flag for one in command.params for flag in (*one.opts, *one.secondary_opts)}
    return own.union(*(flags(one) for one in inner))


LINES = sorted(
    {
        (path.relative_to(ROOT).as_posix(), line)
        for path in DOCUMENTS
        for line in command_lines(path.read_text(encoding="utf-8"))
    }
)


@pytest.mark.parametrize(("document", "line"), LINES, ids=[line for _, line in LINES])
def test_every_command_shown_can_be_parsed(document, line):
    check_command(line)


def test_commands_are_shown_in_the_documents():
    shown = {document for document, _ in LINES}
    assert {"README.md", "benchmarks/README.md", "docs/engines.md", "docs/training.md"} <= shown


@pytest.mark.parametrize(
    "line",
    [
        "zeroreal",
        "zeroreal rnu",
        "zeroreal bench nothing --result FILE",
        "zeroreal run --no-such-option 3",
        "zeroreal run --steps",
        "zeroreal run --steps many",
        "zeroreal evaluate runs/<run>",
        "zeroreal doctor here",
    ],
)
def test_a_command_that_would_not_run_is_found(line):
    with pytest.raises(AssertionError):
        check_command(line)


def test_commands_are_found_in_blocks_and_in_backticks():
    text = (
        "    zeroreal run --a \\\n        --b   # why\n"
        "text about zeroreal run\n"
        "    torchrun --nproc-per-node 4 --no-python zeroreal run ...\n"
        "`zeroreal doctor`\n"
    )
    found = [line.split() for line in command_lines(text)]
    assert found == [
        ["zeroreal", "run", "--a", "--b", "#", "why"],
        ["zeroreal", "run", "..."],
        ["zeroreal", "doctor"],
    ]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_option_named_in_the_text_is_one_of_some_command(path):
    named = set(re.findall(r"`(--[a-z][a-z-]*)", path.read_text(encoding="utf-8")))
    assert named - flags(typer.main.get_command(app)) == set()


def test_what_is_made_can_be_made():
    targets = set(re.findall(r"^([a-z]+):", read("Makefile"), re.MULTILINE))
    text = "\n".join(path.read_text(encoding="utf-8") for path in DOCUMENTS)
    named = set(re.findall(r"(?:`|^ {4})make ([a-z]+)", text, re.MULTILINE))
    assert {"run", "test"} <= named <= targets


def test_the_readme_is_read_in_five_minutes():
    assert len(read("README.md").splitlines()) < 150


def test_the_loader_example_runs_as_written(tmp_path, monkeypatch):
    for name in ("cat", "dog"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(2):
            Image.new("RGB", (32, 32), "grey").save(tmp_path / "photos" / name / f"{number}.png")
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(example("docs/training.md"), names)
    assert names["images"].shape == (4, 3, 224, 224)
    assert names["images"].is_contiguous(memory_format=torch.channels_last)
    assert sorted(names["labels"].tolist()) == [0, 0, 1, 1]
    assert names["state"]["epoch"] == 1


@pytest.mark.slow
def test_the_python_example_runs_as_written(capsys):
    names = {}
    exec(example("README.md"), names)
    assert names["images"].shape == (300, 32, 32, 3)
    learnt = names["trainer"].predict(names["images"]).argmax(1)
    assert (learnt == names["labels"].cpu()).float().mean() > 0.6
    assert "tensor" in capsys.readouterr().out


def test_every_recipe_is_in_the_table():
    from zeroreal.generate import shipped_recipes

    assert all(f"| `{name}` |" in read("docs/data.md") for name in shipped_recipes())


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_and_pictures_lead_somewhere(path):
    for target, anchor in re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", path.read_text()):
        found = (path.parent / target).resolve() if target else path
        assert found.exists(), f"{target} is not there"
        if anchor:
            headings = re.findall(r"^#+ (.*)", found.read_text(), re.MULTILINE)
            slugs = {re.sub(r"[^\w -]", "", one.lower()).replace(" ", "-") for one in headings}
            assert anchor in slugs, f"{target} has no heading {anchor!r}"
