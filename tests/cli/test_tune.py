"""`zeroreal tune`: what it prints, what it passes on, and its complaints."""

import pytest
import torch

from zeroreal.engine import Cache
from zeroreal.export import ExportProgress
from zeroreal.generate import GenerateSettings
from zeroreal.generate.tuning.batch_curve import Point
from zeroreal.generate.tuning.tune import Tuned, TuneProgress, TuneRequest

POINT = Point("torch", "denoise", 16, 0.25, 300 * 2**20)
TUNED = Tuned("torch:compiled", "auto", False, 16, 4, 12.5, 0.25, 0.02, 2**30, None, (POINT,))


@pytest.fixture
def calls(monkeypatch):
    """What the command asks for, with the answer above."""
    calls = []

    def tune(folder, request, cache, on_progress, *, again):
        calls.append((folder, request, cache.root, again))
        on_progress(ExportProgress("denoise", "check"))
        on_progress(TuneProgress("torch", POINT))
        on_progress(TuneProgress("tensorrt", note="left out: no GPU"))
        return TUNED

    monkeypatch.setattr("zeroreal.generate.tune", tune)
    return calls


def test_the_curve_goes_by_as_it_is_measured_and_the_choice_is_printed(command, calls):
    done = command("tune")
    assert done.returncode == 0, done.stderr
    assert "torch: denoise, batch 16: 250.0 ms, 64.0 images/s, 300 MiB" in done.stderr
    assert "tensorrt: left out: no GPU" in done.stderr
    (row,) = [line for line in done.stdout.splitlines() if "denoise" in line]
    assert row.replace("│", " ").split() == ["torch", "denoise", "16", "250.0", "64.0", "300"]
    assert (
        "Fastest: engine torch:compiled, attention auto, without CUDA graphs, batch 16, VAE "
        "batch 4: 12.5 images/s at 4 steps" in done.stdout
    )


def test_options_are_passed_on(command, calls, tiny_model, tmp_path):
    folder = tiny_model("sd15")
    options = {
        "--engine": "torch",
        "--device": "cpu",
        "--precision": "fp32",
        "--attention": "math",
        "--steps": 4,
        "--generate-size": 32,
        "--model": folder,
        "--deep-cache": 2,
        "--batch-size": 6,
        "--vae": "tiny",
        "--memory": "2GiB",
        "--effort": "short",
        "--cache": tmp_path,
    }
    given = (part for pair in options.items() for part in pair)
    command("tune", "--again", "--no-guided", *given)
    settings = GenerateSettings(
        model=str(folder),
        steps=4,
        engine="torch",
        precision="fp32",
        attention="math",
        generate_size=32,
        vae="tiny",
        deep_cache=2,
        batch_size=6,
        memory=2147483648,
    )
    expected = TuneRequest(torch.device("cpu"), settings, guided=False, effort="short")
    assert calls == [(folder, expected, tmp_path, True)]


def test_without_options_everything_is_searched_to_the_end(command, calls):
    command("tune", "--device", "cpu")
    ((_, request, root, again),) = calls
    assert request == TuneRequest(torch.device("cpu"), effort="full")
    assert root == Cache().root
    assert not again


def test_a_model_that_does_not_fit_gets_one_sentence(command, tiny_model, tmp_path):
    arguments = ("tune", "--model", tiny_model("sd15"), "--engine", "torch", "--precision", "fp32")
    done = command(*arguments, "--memory", "1MiB", "--cache", tmp_path)
    assert done.returncode == 2
    assert "the weights of engine torch do not fit into 1 MiB of memory" in done.shown
    assert [entry for entry in Cache(tmp_path).entries() if entry.key.kind == "tuning"] == []


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (
            ["--memory", "lots"],
            "'lots' is not a size in bytes: give a number and",
        ),
        (["--steps", "0"], "steps is 0: at least 1 is needed"),
        (["--engine", "torhc"], "unknown engine 'torhc': did you mean 'torch'?"),
        (["--effort", "long"], "unknown effort 'long'"),
        (["--device", "tpu"], "unknown device 'tpu'"),
        (["--model", "no/such/model"], "no/such/model"),
    ],
)
def test_bad_input_gets_one_sentence_and_status_2(command, calls, arguments, complaint):
    done = command("tune", *arguments)
    assert done.returncode == 2
    assert complaint in done.shown
    assert "Traceback" not in done.stderr
    assert calls == []
