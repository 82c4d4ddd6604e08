"""All commands of `zeroreal bench`: the list of them, their options, results as JSON."""

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

COMMANDS = (
    "throughput",
    "loop",
    "trace",
    "recipes",
    "levers",
    "tricks",
    "loader",
    "training",
    "sharing",
    "writing",
    "workers",
    "dataset",
    "plan",
    "latency",
    "kernels",
    "export",
    "load",
)


def test_help_lists_every_benchmark_in_one_line(command, monkeypatch):
    shown = command("bench", "--help").stdout
    listed = shown[shown.index("Commands") :].splitlines()[1:]
    rows = [line.strip("│ ") for line in listed if line.startswith("│")]
    assert [row.split()[0] for row in rows] == list(COMMANDS)
    assert all(row.endswith(".") for row in rows)


def test_no_help_needs_heavy_libraries():
    code = f"""
import sys
from zeroreal.cli.main import app
for name in {COMMANDS}:
    try:
        app(["bench", name, "--help"])
    except SystemExit as end:
        assert not end.code, name
heavy = {{"torch", "diffusers", "onnx", "onnxruntime", "timm", "safetensors"}}
assert not heavy & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)


PATH = Path("r.json")
SETTINGS = {
    "generation.loop": (
        [],
        {
            "device": "cuda",
            "precision": "bf16",
            "batch_size": 8,
            "steps": 4,
            "batches": 20,
            "rounds": 2,
            "result": PATH,
        },
    ),
    "generation.trace": (
        ["ours:torch/fp32@2"],
        {
            "model": "a",
            "random_weights": "sd15",
            "generate_size": 64,
            "steps": 4,
            "scheduler": "DDIMScheduler",
            "guidance": "off",
            "batches": 2,
            "trace": Path("t.json"),
            "result": PATH,
        },
    ),
    "accuracy.recipes": (
        [],
        {
            "recipes": ("base", "mine.yaml"),
            "seeds": (3, 5),
            "images_per_class": 20,
            "classifier": "resnet18",
            "epochs": 2,
            "device": "cpu",
            "real": Path("idx"),
            "work": Path("w"),
            "result": PATH,
        },
    ),
    "accuracy.levers": (
        [],
        {
            "real": Path("idx"),
            "phases": ("images", "curve"),
            "settings": ("baseline", "ddim"),
            "seeds": (7,),
            "rounds": 2,
            "device": "cpu",
            "work": Path("w"),
            "result": PATH,
            "table": Path("t.yaml"),
        },
    ),
    "accuracy.tricks": (
        [],
        {
            "real": Path("idx"),
            "tricks": ("none", "jpeg 50"),
            "seeds": (1,),
            "device": "cpu",
            "images": Path("i"),
            "work": Path("w"),
            "result": PATH,
        },
    ),
    "training.sharing": (
        [],
        {
            "device": "cpu",
            "classifier": "resnet50",
            "images_per_class": 10,
            "blocks": 2,
            "batch_size": 8,
            "rounds": 2,
            "result": PATH,
        },
    ),
    "startup.export": (
        [],
        {
            "architecture": "sdxl",
            "precision": "bf16",
            "target": "sm_89",
            "batch": "1:2:4",
            "work": Path("w"),
            "result": PATH,
        },
    ),
    "writing.plan": ([], {"shards": 40, "rounds": 2, "result": PATH}),
    "startup.load": ([], {"runs": 2, "result": PATH}),
}
"""By module: arguments, and options as the settings have them."""
NEEDED = {"accuracy.levers": ["real"], "accuracy.tricks": ["real"]}
FIGURES = {"mean_accuracy": 0.875, "deviation": None, "by_seed": {3: 0.875}}
RESULTS = {
    "accuracy.recipes": {"results": {"base": FIGURES}},
    "accuracy.levers": {"settings": {"ddim": {"images": {2000: {"test": FIGURES}}}}},
    "accuracy.tricks": {"tricks": {"jpeg 50": {"test": FIGURES}}},
}


@pytest.fixture
def given(request, monkeypatch):
    """The class of a module's settings, and those that its benchmark was given."""
    module = import_module(f"zeroreal.benchmarks.{request.param}")
    name = request.param.rpartition(".")[2]
    settings = []

    def bench(one, tell, *more):
        settings.append(one)
        tell("half of it")
        return RESULTS.get(request.param, {"figure": 1.5})

    monkeypatch.setattr(module, f"bench_{name}", bench)
    (kind,) = (
        value
        for title, value in vars(module).items()
        if title.endswith("Settings") and value.__module__ == module.__name__
    )
    return request.param, name, kind, settings


def words(options):
    """The options as they are given on the command line."""
    for name, value in options.items():
        text = ",".join(map(str, value)) if isinstance(value, tuple) else value
        yield from (f"--{name.replace('_', '-')}", text)


@pytest.mark.parametrize("given", SETTINGS, indirect=True)
def test_options_are_passed_on(command, given):
    module, name, kind, settings = given
    arguments, options = SETTINGS[module]
    needed = {option: options[option] for option in NEEDED.get(module, [])}
    for chosen in (needed, options):
        done = command("bench", name, *arguments, *words(chosen))
        assert done.returncode == 0, done.stderr
        assert "half of it" in done.stderr
    assert settings == [kind(*arguments, **needed), kind(*arguments, **options)]


@pytest.mark.parametrize("given", SETTINGS.keys() - RESULTS.keys(), indirect=True)
def test_a_result_without_a_table_is_printed_as_json(command, given):
    module, name, _, _ = given
    done = command("bench", name, *SETTINGS[module][0])
    assert json.loads(done.stdout) == {"figure": 1.5}


@pytest.mark.parametrize(
    ("given", "row"),
    [
        ("accuracy.recipes", "base 87.5 % - 1"),
        ("accuracy.levers", "ddim, 2000 images 87.5 % - 1"),
        ("accuracy.tricks", "jpeg 50 87.5 % - 1"),
    ],
    indirect=["given"],
)
def test_accuracies_are_printed_as_a_table(command, given, row):
    _, name, _, _ = given
    assert row in command("bench", name, "--real", "idx").shown


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["loop", "--batches", "5"], "batches is 5: at least 10 is needed"),
        (["trace", "diffusers/fp32@2"], "cannot be traced: give ours with a batch"),
        (["recipes", "--seeds", "0 1"], "'0 1' is not a seed: give numbers such as 0,1,2"),
        (["levers", "--real", "x", "--phases", "speeds"], "unknown phase 'speeds'"),
        (["tricks", "--real", "x", "--tricks", "jpg 50"], "did you mean 'jpeg 50'"),
        (["tricks"], "Missing option '--real'"),
        (["sharing", "--blocks", "0"], "blocks is 0: at least 1 is needed"),
        (["export", "--architecture", "sd16"], "unknown architecture 'sd16'"),
        (["load", "--runs", "0"], "runs is 0: at least 1 is needed"),
    ],
)
def test_bad_input_gets_one_sentence_and_status_2(command, arguments, complaint):
    done = command("bench", *arguments)
    assert done.returncode == 2
    assert complaint in done.shown
    assert "Traceback" not in done.stderr


def test_an_interrupted_run_of_a_recipe_exits_as_interrupted(command, monkeypatch, tmp_path):
    from zeroreal.benchmarks.accuracy import recipes
    from zeroreal.run import RunInterruptedError

    def bench_recipes(settings, tell, on_progress):
        raise RunInterruptedError(tmp_path, 1, 2)

    monkeypatch.setattr(recipes, "bench_recipes", bench_recipes)
    assert command("bench", "recipes").returncode == 130
