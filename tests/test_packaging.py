"""What an installation must offer, editable or not."""

from __future__ import annotations

import importlib
import os
import re
import shutil
import tomllib
from importlib import metadata, resources
from pathlib import Path

import pytest

from zeroreal.kernels import native_library_status

PARTS = ["assets", "benchmarks", "cli", "engine", "export", "generate", "kernels", "train"]
PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())


def test_these_are_the_packages() -> None:
    folders = PROJECT["tool"]["scikit-build"]["wheel"]["packages"]
    assert folders == {f"zeroreal/{part}": part for part in PARTS}


@pytest.mark.parametrize("part", PARTS)
def test_a_part_imports_and_is_typed(part: str) -> None:
    module = importlib.import_module(f"zeroreal.{part}")
    assert resources.files(module).joinpath("py.typed").is_file()


def test_the_namespace_itself_holds_no_code() -> None:
    assert getattr(importlib.import_module("zeroreal"), "__file__", None) is None


def test_the_metadata_are_those_of_the_project() -> None:
    installed = metadata.metadata("zeroreal")
    assert installed["Version"] == PROJECT["project"]["version"]
    assert installed["License-Expression"] == "Apache-2.0"
    assert installed.get_all("License-File") == ["LICENSE"]


@pytest.mark.skipif(not shutil.which("nvcc"), reason="no nvcc: only the CPU kernels are built")
@pytest.mark.skipif("CUDAARCHS" in os.environ, reason="CUDAARCHS says otherwise")
def test_the_kernels_are_compiled_for_every_gpu() -> None:
    path = native_library_status()["cuda"].path
    assert path is not None
    targets = set(re.findall(rb"sm_(\d+)", path.read_bytes()))
    assert targets >= {b"80", b"86", b"89", b"90", b"100", b"120"}


def test_the_command_exists() -> None:
    (command,) = metadata.entry_points(group="console_scripts", name="zeroreal")
    assert callable(command.load())
