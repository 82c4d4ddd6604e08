"""Small tensors go to the device without the host waiting for the device."""

import ast
from pathlib import Path

import pytest
import torch

from zeroreal.base.transfer import to_device

ROOT = Path(__file__).parents[2]
PACKAGES = ("base", "engine", "export", "encoders", "generate", "train", "run")


def waiting_copies(source):
    """The lines of `torch.tensor(...).to(...)`, which waits for all that the stream was given."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("to", "cuda")
        and isinstance(node.func.value, ast.Call)
        and ast.unparse(node.func.value.func) in ("torch.tensor", "torch.from_numpy")
    ]


@pytest.mark.parametrize("package", PACKAGES)
def test_no_list_is_copied_to_a_device_while_the_host_waits(package):
    found = {
        str(path.relative_to(ROOT)): lines
        for path in sorted((ROOT / package).rglob("*.py"))
        if (lines := waiting_copies(path.read_text(encoding="utf-8")))
    }
    assert found == {}


def test_such_a_copy_is_found():
    source = "rows = torch.tensor(slots).to(self.device)\nx = torch.tensor([1], device=device)\n"
    assert waiting_copies(source) == [1]


def test_a_tensor_for_the_cpu_stays_where_it_is():
    tensor = torch.arange(3)
    assert to_device(tensor, torch.device("cpu")) is tensor
