"""Parts that take no GPU: tiny programs in place of benchmarks."""

import pytest

from zeroreal.benchmarks.gpu.parts import Part
from zeroreal.benchmarks.gpu.settings import GpuSettings
from zeroreal.benchmarks.gpu.work import work_through

WRITE = """
import json, sys
path = sys.argv[sys.argv.index("--result") + 1]
open(path, "w").write(json.dumps({"finished": True, "arguments": sys.argv[1:]}))
"""


@pytest.fixture
def part():
    """A function that makes a part of a Python program; by default it writes its result."""

    def make(name, program=WRITE, *arguments, result=None, minutes=1.0, **more):
        result = result or f"{name}.json"
        return Part(name, minutes, result, arguments, program=("-c", program), **more)

    return make


@pytest.fixture
def work(tmp_path):
    """A function that works through parts, on a GPU called `h100`; and the lines that it told."""

    def run(*parts, **settings):
        found = work_through(GpuSettings(out=tmp_path, **settings), lines.append, parts, "h100")
        return {outcome.part.name: outcome for outcome in found}

    lines = run.lines = []
    return run
