"""No model folder, data set or repository of others can have its code run."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from .test_imports import STANDS_ON

ROOT = Path(__file__).parents[1]
FOLDERS = (*STANDS_ON, "examples")

# These load weights into a class of the library; for others a folder may name one of its own.
FIXED = (
    "AutoencoderKL",
    "AutoencoderTiny",
    "CLIPModel",
    "CLIPTextConfig",
    "CLIPTokenizer",
    "kind",  # of diffusers, by a name that is checked
)
MAY_ASK = ("from_pretrained", "load_dataset", "load_dataset_builder")
NEVER = (
    *("torch.hub.load", "torch.load", "torch.export.load"),
    *("pickle.load", "pickle.loads", "eval", "exec"),
)
FROM_OURSELVES = (
    "benchmarks/latency/first_images.py",  # what the process that started it sends
    "export/classifier/runners.py",  # a program that this process wrote
)


def calls() -> Iterator[tuple[str, str, ast.Call]]:
    """Each call of the package: where, what, and its node."""
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call):
                    place = f"{path.relative_to(ROOT)}:{node.lineno}"
                    yield place, ast.unparse(node.func), node


def refuses_code(call: ast.Call) -> bool:
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    value = given.get("trust_remote_code")
    return isinstance(value, ast.Constant) and value.value is False


def asks(name: str) -> bool:
    """Whether the call of this name may want to run code that lies beside what it loads."""
    of, _, what = name.rpartition(".")
    return what in MAY_ASK and of.rpartition(".")[2] not in FIXED


def test_whatever_could_run_code_of_others_is_told_not_to():
    asking = [(place, call) for place, name, call in calls() if asks(name)]
    assert len(asking) >= 5
    assert [place for place, call in asking if not refuses_code(call)] == []


@pytest.mark.parametrize("name", NEVER)
def test_nothing_is_loaded_that_is_code_itself(name):
    found = [place for place, called, _ in calls() if called == name]
    assert [place for place in found if not place.startswith(FROM_OURSELVES)] == []
