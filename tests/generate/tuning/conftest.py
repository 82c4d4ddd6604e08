"""A machine whose engines take known times and memory, for the tests of tuning."""

from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from zeroreal.assets import TINY_FASHION
from zeroreal.engine import Cache, EngineStatus
from zeroreal.export.graphs.specs import GRAPHS, graph_specs
from zeroreal.export.model.model_info import read_model_info
from zeroreal.generate import GenerateSettings
from zeroreal.generate.tuning import batch_curve
from zeroreal.generate.tuning import bench as tuning_bench
from zeroreal.generate.tuning import search as tuning_search
from zeroreal.generate.tuning import tune as tuning
from zeroreal.generate.tuning.tune import TuneRequest, tune

CPU = torch.device("cpu")
REQUEST = TuneRequest(CPU, GenerateSettings(steps=10))
MIB = 2**20


def asked(**changes):
    """`REQUEST` with other fields, of its own or of its settings."""
    own = {name: changes.pop(name) for name in ("device", "guided", "effort") if name in changes}
    return replace(REQUEST, **own, settings=replace(REQUEST.settings, **changes))


class Machine:
    """Stands for loading and running engines: what takes how long and how much, and what fails."""

    def __init__(self, cache):
        self.cache = cache
        self.now = 0.0
        self.weights, self.bytes_an_image = 100 * MIB, MIB
        self.free = 10_000 * MIB
        self.slowness = {"torch": 1, "torch:compiled": 1, "onnxruntime": 2}
        """Times 32 ms, what a step takes of up to 32 images; of more, a millisecond each."""
        self.too_large = 10_000
        self.errors = {}
        self.loaded = []
        self.told = []
        self.peak = 0
        self.cold, self.warm = 0.0, set()
        """How much longer the first call of a graph with a batch takes, and where it was."""

    def load(self, folder, choice, cache, on_progress):
        name = choice.backend + (f":{choice.variant}" if choice.variant else "")
        self.loaded.append(choice)
        for wanted in (name, choice.attention):
            if wanted in self.errors:
                raise self.errors[wanted]
        info = read_model_info(TINY_FASHION)
        specs = graph_specs(info, dict.fromkeys(GRAPHS, torch.float32), (32, 32))
        slowness = self.slowness.get((name, choice.attention)) or self.slowness[name]
        return SimpleNamespace(
            info=info,
            generate_size=(32, 32),
            denoise=FakeEngine(self, specs["denoise"], slowness, 0.032, (name, choice.attention)),
            vae_decoder=FakeEngine(self, specs["vae_decoder"], 1, 0.004),
        )

    def in_use(self):
        return self.weights

    def peak_during(self, work):
        self.peak = 0
        return work(), self.weights + self.peak

    def names(self):
        return [c.backend + (f":{c.variant}" if c.variant else "") for c in self.loaded]

    def tune(self, request=REQUEST, folder=TINY_FASHION, **options):
        return tune(folder, request, self.cache, self.told.append, **options)


class FakeEngine:
    device = CPU

    def __init__(self, machine, spec, slowness, shortest, settings=None):
        self.machine, self.spec = machine, spec
        self.slowness, self.shortest = slowness, shortest
        self.settings = settings

    def __call__(self, inputs, outputs=None):
        batch = len(inputs["latents"])
        if batch >= self.machine.too_large:
            raise torch.OutOfMemoryError("CUDA out of memory")
        if (self, batch) not in self.machine.warm:
            self.machine.warm.add((self, batch))
            self.machine.now += self.machine.cold
        self.machine.now += self.slowness * max(self.shortest, batch / 1000)
        self.machine.peak = batch * self.machine.bytes_an_image


def graphed(engine):
    """Stands for the engine as a CUDA graph."""
    machine, settings = engine.machine, (*engine.settings, "graph")
    slowness = machine.slowness.get(settings, engine.slowness)
    return FakeEngine(machine, engine.spec, slowness, engine.shortest)


def empty_inputs(spec, sizes, seed, vocabulary):
    """Inputs that take no time to make."""
    shapes = {tensor.name: tensor.shape for tensor in spec.inputs}
    return {name: torch.empty(sizes.get(shape[0], 1), 0) for name, shape in shapes.items()}


@pytest.fixture
def machine(tmp_path, monkeypatch):
    machine = Machine(Cache(tmp_path))
    clock = SimpleNamespace(perf_counter=lambda: machine.now)
    for module in (tuning_bench, batch_curve):
        monkeypatch.setattr(module, "time", clock)
    monkeypatch.setattr(tuning_bench, "load_engines", machine.load)
    monkeypatch.setattr(tuning_bench, "CudaGraphEngine", graphed)
    monkeypatch.setattr(tuning_bench, "random_inputs", empty_inputs)
    monkeypatch.setattr(tuning_bench, "MemoryMeter", lambda device: machine)
    monkeypatch.setattr(tuning_bench, "free_memory", lambda device: machine.free)
    monkeypatch.setattr(tuning_bench.Bench, "_on_device", lambda bench: nullcontext())
    monkeypatch.setattr(tuning_bench.Bench, "_wait", lambda bench: None)
    monkeypatch.setattr(tuning_bench, "gc", SimpleNamespace(collect=lambda: None))
    return machine


@pytest.fixture
def gpu(machine, monkeypatch):
    """The machine, with every engine usable on a GPU."""
    usable = ("torch", "torch:compiled", "onnxruntime:cuda", "tensorrt")
    statuses = [EngineStatus(name, "1", ()) for name in usable]
    monkeypatch.setattr(tuning_search, "engine_statuses", lambda device: statuses)
    for name in ("describe_device", "instruction_set"):
        monkeypatch.setattr(tuning, name, lambda device: "a GPU")
    monkeypatch.setattr(tuning, "driver_version", lambda: "13000")
    machine.slowness["tensorrt"] = 2
    return machine


@pytest.fixture(name="asked", scope="session")
def _asked():
    return asked


@pytest.fixture(name="fake_engine", scope="session")
def _fake_engine():
    return FakeEngine
