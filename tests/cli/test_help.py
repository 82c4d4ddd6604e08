"""What the command says of itself: help, version, recipes, engines."""

import os
import subprocess
import sys

import pytest
import torch

from zeroreal.base.settings import values_of
from zeroreal.encoders import encoder_statuses
from zeroreal.engine import engine_statuses
from zeroreal.export.engines.choice import VARIANTS
from zeroreal.kernels import ATTENTION_BACKENDS
from zeroreal.run import RunSettings


def test_doctor_says_what_is_usable_and_why_not(command):
    done = command("doctor", "--device", "cpu")
    assert done.returncode == 0, done.stderr
    rows = {line.split("│")[1].strip(): line for line in done.stdout.splitlines() if "│" in line}
    every = (*engine_statuses(torch.device("cpu")), *encoder_statuses())
    statuses = {status.name: status.usable for status in every}
    attention = {"attention, sdpa": True, "attention, math": True, "attention, cudnn": False}
    for name, usable in {**statuses, **attention}.items():
        assert ("not usable" in rows[name]) != usable, name
        assert bool(rows[name].split("│")[3].strip()) != usable, "a reason for each that is not"
    assert {"native kernels, cpu", "native kernels, cuda", "python", "device"} <= set(rows)


def test_recipes_are_listed_and_printed_for_copying(command):
    assert "random-guidance" in command("recipes").stdout
    assert "stick figure" in command("recipes", "multi-domain").stdout


def test_the_help_names_the_defaults(command):
    settings = RunSettings()
    shown = command("run", "--help").shown
    for default in (
        settings.recipe,
        settings.images_per_class,
        settings.classifier,
        settings.generate.engine,
        settings.generate.deep_cache,
        settings.train.epochs,
        settings.train.optimizer,
        settings.train.learning_rate,
    ):
        assert f"[default: {default}]" in shown


def test_the_help_names_every_engine_and_attention_backend():
    helps = {value.path: value.help for value in values_of(RunSettings)}
    engines, attention = (helps["generate", name] for name in ("engine", "attention"))
    for backend, variants in VARIANTS.items():
        assert backend in engines
        assert all(f":{variant}" in engines for variant in variants if variant != "eager")
    assert all(name in attention for name in ATTENTION_BACKENDS)


def test_help_and_version_load_nothing_heavy(zeroreal):
    code = """
import sys
from zeroreal.cli.main import app
commands = ("run", "prompts", "export", "build", "cache")
for arguments in (["--help"], *([name, "--help"] for name in commands)):
    try:
        app(arguments)
    except SystemExit as end:
        assert not end.code, arguments
heavy = {"torch", "diffusers", "onnx", "onnxruntime", "tensorrt", "tensorrt_rtx"}
assert not heavy & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert zeroreal("--version").stdout.startswith("zeroreal 0.")


@pytest.mark.parametrize(("given", "expected"), [({}, "10000"), ({"GOMP_SPINCOUNT": "5"}, "5")])
def test_threads_wait_shortly_for_each_other_unless_told_otherwise(monkeypatch, given, expected):
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
    said = "atexit.register(lambda: print(os.environ['GOMP_SPINCOUNT']))"
    code = f"import atexit, os; {said}; from zeroreal.cli.main import main; main()"
    command = [sys.executable, "-c", code, "--version"]
    ended = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, **given}, check=True
    )
    assert ended.stdout.split()[-1] == expected
