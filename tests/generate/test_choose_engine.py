"""What engine `auto` becomes: the faster of two on a CPU, measured once."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from zeroreal.assets import TINY_FASHION
from zeroreal.engine import Cache, InputError
from zeroreal.export import EngineChoice
from zeroreal.export.graphs import GRAPHS, graph_specs
from zeroreal.export.model_info import read_model_info
from zeroreal.generate import choose_engine

CPU = torch.device("cpu")
CHOICE = EngineChoice("auto", None, CPU, "fp32", batch_size=4)


class Bench:
    """Stands for loading and measuring: what takes how long, what fails, what was done."""

    def __init__(self, cache):
        self.cache = cache
        self.seconds = {"torch": 2.0, "onnxruntime": 1.0}
        self.errors = {}
        self.measured = []

    def load(self, folder, choice, cache, on_progress):
        if choice.backend in self.errors:
            raise self.errors[choice.backend]
        return choice.backend

    def measure(self, engines, batch, steps):
        self.measured.append(engines)
        return self.seconds[engines]

    def choose(self, folder=TINY_FASHION, steps=12, **choice):
        chosen = replace(CHOICE, **choice)
        return choose_engine.load_fastest(folder, chosen, steps, self.cache, lambda progress: None)


@pytest.fixture
def bench(tmp_path, monkeypatch):
    bench = Bench(Cache(tmp_path))
    monkeypatch.setattr(choose_engine, "load_engines", bench.load)
    monkeypatch.setattr(choose_engine, "_seconds_per_image", bench.measure)
    return bench


@pytest.mark.parametrize("fastest", ["torch", "onnxruntime"])
def test_the_faster_one_is_taken(bench, fastest):
    bench.seconds[fastest] = 0.5
    assert bench.choose() == fastest
    assert sorted(bench.measured) == ["onnxruntime", "torch"]


def test_the_second_time_nothing_is_measured(bench, monkeypatch):
    bench.choose()

    def unexpected(*_):
        raise AssertionError("measured again")

    monkeypatch.setattr(choose_engine, "_measure", unexpected)
    assert bench.choose() == "onnxruntime"


@pytest.mark.parametrize("changed", [{"steps": 4}, {"batch_size": 8}, {"precision": "bf16"}])
def test_another_use_is_measured_anew(bench, changed):
    bench.choose()
    bench.seconds["torch"] = 0.5
    assert bench.choose(**changed) == "torch"
    assert bench.choose() == "onnxruntime"


def test_a_model_that_cannot_be_exported_runs_in_pytorch_with_one_warning(bench, caplog):
    bench.errors["onnxruntime"] = InputError("the graph is not exact")
    assert bench.choose() == "torch"
    assert bench.choose() == "torch"
    messages = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert messages == ["engine auto leaves onnxruntime out: the graph is not exact"]


def test_what_pytorch_cannot_load_is_an_error_and_not_remembered(bench):
    bench.errors["torch"] = InputError("the model is damaged")
    with pytest.raises(InputError, match="the model is damaged"):
        bench.choose()
    bench.errors.clear()
    assert bench.choose() == "onnxruntime"


def test_an_exported_folder_runs_in_onnx_runtime_unmeasured(bench, tiny_export):
    assert bench.choose(tiny_export("sd15", "fp32").folder) == "onnxruntime"
    assert bench.measured == []


def test_a_gpu_is_served_by_pytorch_unmeasured(bench):
    assert bench.choose(device=torch.device("cuda")) == "torch"
    assert bench.measured == []


@pytest.mark.parametrize("missing", ["onnxruntime", "onnx", "onnxscript"])
def test_without_the_extra_for_onnx_pytorch_serves_unmeasured(bench, monkeypatch, missing):
    def find_spec(name):
        return None if name == missing else SimpleNamespace(name=name)

    monkeypatch.setattr(choose_engine, "find_spec", find_spec)
    assert bench.choose() == "torch"
    assert bench.measured == []


def test_an_image_takes_all_its_steps_and_a_decoding(monkeypatch):
    """The fastest of several rounds, after a first one that does not count."""
    now = [0.0]
    monkeypatch.setattr(choose_engine, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    specs = graph_specs(read_model_info(TINY_FASHION), dict.fromkeys(GRAPHS, torch.float32), (8, 8))

    class Timed:
        device = CPU

        def __init__(self, name, *seconds):
            self.spec, self.seconds = specs[name], list(seconds)

        def __call__(self, inputs, outputs=None):
            assert len(inputs["latents"]) == 4
            assert len(inputs.get("rows", range(8))) == 8, "every image has guidance"
            now[0] += self.seconds.pop(0) if len(self.seconds) > 1 else self.seconds[0]

    engines = SimpleNamespace(
        denoise=Timed("denoise", 0.1, 5.0, 2.0, 7.0), vae_decoder=Timed("vae_decoder", 9.0, 3.0)
    )
    seconds = choose_engine._seconds_per_image(engines, batch=4, steps=10)
    assert seconds == pytest.approx((10 * 2.0 + 3.0) / 4)
