"""Measuring the documented set: what is measured, what is not measured again, and what is said."""

import json
import shlex
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from typer.main import get_command

from zeroreal.base import InputError
from zeroreal.benchmarks import bench as front
from zeroreal.benchmarks.bench import settings_content
from zeroreal.benchmarks.documented import measuring, working
from zeroreal.benchmarks.documented.documents import DOCUMENTS, RESULTS
from zeroreal.benchmarks.documented.measuring import measure_documented
from zeroreal.benchmarks.documented.part import Part, command_of, why_measure
from zeroreal.benchmarks.documented.parts import PARTS
from zeroreal.benchmarks.documented.running import ZEROREAL
from zeroreal.benchmarks.gpu.parts import PARTS as GPU_PARTS
from zeroreal.cli.main import app
from zeroreal.report.results.conditions import Conditions

TINY = Part("plan", "plan-cpu.json", {"shards": 4, "rounds": 1})
REAL = Part("tricks", "tricks-cpu.json", needs_real=True)


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """A clone without results, whose README shows one; a part is to be measured there."""
    for path in DOCUMENTS:
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text("<!-- figures: plan-cpu.json columns=s --><!-- end -->\n")
    (tmp_path / RESULTS).mkdir()
    monkeypatch.setattr(measuring, "PARTS", (TINY, REAL))
    return tmp_path


@pytest.fixture
def measured(monkeypatch):
    """The commands of what was measured, in this process: one of its own takes seconds to start."""
    commands = []

    def run(command, log, **_):
        log.touch()
        words = list(command[len(ZEROREAL) :])
        commands.append(shlex.join(["zeroreal", *words]))
        monkeypatch.setattr("sys.argv", ["zeroreal", *words])
        try:
            get_command(app).main(words, standalone_mode=False)
        except InputError as error:
            return str(error)

    monkeypatch.setattr(working, "run_command", run)
    monkeypatch.setattr(front, "Conditions", partial(Conditions, look=0.0))
    return commands


def test_what_is_missing_is_measured_and_shown(clone, measured):
    lines = []
    written = measure_documented(clone, tell=lines.append)
    path = clone / RESULTS / "plan-cpu.json"
    command = f"zeroreal bench plan --shards 4 --rounds 1 --result {path}"
    assert measured == [command]
    assert json.loads((clone / RESULTS / "plan-cpu.json").read_text())["command"] == command
    assert written == tuple(clone / path for path in DOCUMENTS)
    assert "| planning |" in (clone / "README.md").read_text()
    assert lines[0] == (
        "tricks-cpu.json: left out, it needs real images: give their folder with --real"
    )
    assert lines[1].startswith("plan-cpu.json: measuring, for there is no result yet;")
    assert not list((clone / RESULTS).glob("*.log"))


def test_what_is_measured_is_not_measured_again(clone, measured):
    lines = []
    measure_documented(clone)
    assert measure_documented(clone, tell=lines.append) == ()
    assert len(measured) == 1
    assert lines[1] == "plan-cpu.json: measured before, with the same settings and the same code"


def change(path, **changes):
    content = json.loads(path.read_text())
    for name, value in changes.items():
        if isinstance(value, dict):
            value = {**content[name], **value}
        content[name] = value
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"finished": False, "valid": False}, "it was not finished"),
        ({"environment": {"code": "0" * 64}}, "the code has changed"),
        ({"environment": {"device": "another"}}, "the result that is there is of another machine"),
        ({"settings": {"shards": 8}}, "its settings have changed"),
        ({"version": 0}, "the result that is there cannot be read"),
    ],
)
def test_what_does_not_serve_is_measured_again(clone, measured, changes, why):
    lines = []
    measure_documented(clone)
    change(clone / RESULTS / "plan-cpu.json", **changes)
    measure_documented(clone, tell=lines.append)
    assert lines[1].startswith(f"plan-cpu.json: measuring, for {why};")
    assert len(measured) == 2


def test_folders_are_not_what_is_measured(clone, measured, monkeypatch):
    part = Part("dataset", "dataset-cpu.json", {"work": Path("here")})
    path = clone / RESULTS / part.file
    monkeypatch.setattr(measuring, "PARTS", (TINY,))
    measure_documented(clone)
    settings = part.build()
    content = settings_content(settings)
    change(clone / RESULTS / "plan-cpu.json", environment={})
    plan = json.loads((clone / RESULTS / "plan-cpu.json").read_text())
    path.write_text(json.dumps({**plan, "settings": content}))
    here = plan["environment"]["device"]
    assert why_measure(settings, path, here) is None
    assert why_measure(replace(settings, work=Path("there")), path, here) is None
    assert why_measure(replace(settings, steps=3), path, here) is not None


def test_an_interruption_leaves_the_documents_for_the_next_time(clone, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(working, "run_command", interrupted)
    before = (clone / "README.md").read_text()
    with pytest.raises(KeyboardInterrupt):
        measure_documented(clone)
    assert (clone / "README.md").read_text() == before


def test_a_part_that_cannot_be_measured_does_not_stop_the_others(clone, measured, monkeypatch):
    broken = Part("plan", "broken.json", {"shards": 1})
    monkeypatch.setattr(measuring, "PARTS", (broken, TINY))
    lines = []
    with pytest.raises(InputError, match=r"broken\.json could not be measured"):
        measure_documented(clone, tell=lines.append)
    assert any("shards is 1: at least 2 is needed" in line for line in lines)
    assert "| planning |" in (clone / "README.md").read_text()


def test_only_some_are_measured(clone, measured):
    measure_documented(clone, only=["tricks-cpu.json"])
    assert measured == []
    with pytest.raises(InputError, match=r"unknown result file 'plan.json': did you mean 'plan-"):
        measure_documented(clone, only=["plan.json"])


@pytest.mark.parametrize("part", [*PARTS, *GPU_PARTS.values()], ids=lambda part: part.file)
def test_the_command_of_a_part_gives_its_settings(part, monkeypatch):
    given = []
    monkeypatch.setattr(front, "bench", lambda name, settings, **_: given.append((name, settings)))
    monkeypatch.setattr("zeroreal.cli.bench.command.show", lambda *_: None)
    settings = part.build(Path("idx") if part.needs_real else None)
    words = shlex.split(command_of(part, settings, Path("r") / part.file))
    get_command(app).main(words[1:], standalone_mode=False)
    assert given == [(part.benchmark, settings)]


def test_every_file_is_one_part():
    files = [part.file for part in PARTS]
    assert len(set(files)) == len(files)
