"""What an installation must offer, editable or not."""

from __future__ import annotations

import importlib
import os
import re
import shutil
import subprocess
import tomllib
from importlib import metadata, resources
from pathlib import Path

import pytest

from zeroreal.kernels import native_library_status

PARTS = [
    "assets",
    "base",
    "benchmarks",
    "cli",
    "data",
    "encoders",
    "engine",
    "export",
    "generate",
    "kernels",
    "report",
    "run",
    "train",
]
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
def test_the_kernels_are_compiled_for_every_gpu_that_nvcc_knows() -> None:
    path = native_library_status()["cuda"].path
    assert path is not None
    codes = subprocess.check_output(["nvcc", "--list-gpu-code"], text=True).split()
    wanted = {f"sm_{number}" for number in (80, 86, 89, 90, 100, 120)} & set(codes)
    assert wanted, "nvcc knows none of the GPUs that the kernels are for"
    found = {target.decode() for target in re.findall(rb"sm_\d+", path.read_bytes())}
    assert found >= wanted


def test_the_command_exists() -> None:
    (command,) = metadata.entry_points(group="console_scripts", name="zeroreal")
    assert callable(command.load())
