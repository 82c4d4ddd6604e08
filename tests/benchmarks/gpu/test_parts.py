"""The list of parts."""

import pytest
import typer

from zeroreal.benchmarks.gpu.parts import PARTS, PYTEST, ZEROREAL
from zeroreal.cli.main import app

BENCHMARKS = [part for part in PARTS if part.program == ZEROREAL]


def test_each_part_is_likely_to_end_within_eight_minutes():
    assert max(part.minutes for part in PARTS) <= 8


def test_names_and_result_files_are_the_part_s_own():
    assert len({part.name for part in PARTS}) == len(PARTS)
    assert len({part.result for part in PARTS}) == len(PARTS)


def test_the_gpu_stands_in_the_result_s_name():
    assert PARTS[0].file_name("nvidia-h200") == "gpu-tests-nvidia-h200.txt"


def test_the_tests_come_first():
    assert PARTS[0].program == PYTEST
    assert "gpu" in PARTS[0].arguments


@pytest.mark.parametrize("part", BENCHMARKS, ids=lambda part: part.name)
def test_the_command_knows_what_each_part_asks_of_it(part, tmp_path):
    _, name, *arguments = part.arguments
    bench = typer.main.get_command(app).commands["bench"]
    arguments += ["--result", str(tmp_path / "result.json")]
    bench.commands[name].make_context(name, arguments, resilient_parsing=False)


@pytest.mark.parametrize("part", BENCHMARKS, ids=lambda part: part.name)
def test_contenders_and_rows_of_each_part_are_known(part):
    from zeroreal.benchmarks.generation.contender import parse_contender
    from zeroreal.benchmarks.waterfall.chain import chain, chosen

    _, name, *arguments = part.arguments
    if name == "throughput":
        names = [parse_contender(text) for text in arguments if "/" in text]
        assert len(names) > 1
        assert all(one.batch_size is not None for one in names), "searching takes minutes"
    if name == "waterfall":
        rows = arguments[: next(i for i, text in enumerate(arguments) if text.startswith("--"))]
        links = chosen(chain("cuda", "bf16", 20, True), rows)
        assert [link.name for link in links] == rows
