"""Tuning: what is measured, what is chosen, within which limits, and when it is remembered."""

import logging
from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from zeroreal.assets import TINY_FASHION
from zeroreal.base import InputError
from zeroreal.engine import Cache, EngineStatus
from zeroreal.export.graphs.specs import GRAPHS, graph_specs
from zeroreal.export.model.model_info import read_model_info
from zeroreal.generate import GenerateSettings
from zeroreal.generate.tuning import batch_curve
from zeroreal.generate.tuning import bench as tuning_bench
from zeroreal.generate.tuning import search as tuning_search
from zeroreal.generate.tuning import tune as tuning
from zeroreal.generate.tuning.tune import TuneProgress, TuneRequest, tune, tuned_choice

CPU = torch.device("cpu")
GPU = torch.device("cuda")
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


def test_the_batch_at_the_knee_of_each_curve_is_taken(machine):
    """Steps of up to 32 images take as long as one, and decoding up to 4 (8 is tried after 1)."""
    tuned = machine.tune()
    assert (tuned.engine, tuned.batch_size, tuned.vae_batch_size) == ("torch", 32, 8)
    assert tuned.step_seconds == pytest.approx(0.032)
    assert tuned.decode_seconds == pytest.approx(0.008)
    assert tuned.images_per_second == pytest.approx(1 / (10 * 0.001 + 0.001))


@pytest.mark.parametrize("fastest", ["torch", "onnxruntime"])
def test_the_fastest_engine_is_taken(machine, fastest):
    other = {"torch": "onnxruntime", "onnxruntime": "torch"}[fastest]
    machine.slowness[other] = 3
    assert machine.tune().engine == fastest
    assert machine.names() == ["torch", "onnxruntime"]


def test_images_with_guidance_take_two_rows_each(machine, monkeypatch):
    rows = []

    def call(engine, inputs, outputs=None):
        if "rows" in inputs:
            rows.append(len(inputs["rows"]) / len(inputs["latents"]))
        machine.now += 1.0

    monkeypatch.setattr(FakeEngine, "__call__", call)
    machine.tune(asked(guided=True))
    assert set(rows) == {2}
    rows.clear()
    machine.tune(asked(guided=False))
    assert set(rows) == {1}


def test_what_is_asked_for_is_kept(machine):
    request = asked(engine="onnxruntime", batch_size=24, vae_batch_size=3)
    tuned = machine.tune(request)
    assert (tuned.engine, tuned.batch_size, tuned.vae_batch_size) == ("onnxruntime", 24, 3)
    assert machine.names() == ["onnxruntime"]
    choice = tuned.choice(
        replace(
            request,
            settings=replace(request.settings, precision="fp32", generate_size=64, vae="tiny"),
        )
    )
    assert (choice.backend, choice.variant, choice.device) == ("onnxruntime", None, CPU)
    assert (choice.batch_size, choice.vae_batch_size) == (24, 3)
    assert (choice.precision, choice.generate_size, choice.vae) == ("fp32", 64, "tiny")


def test_attention_that_was_asked_for_is_computed_by_pytorch(machine):
    machine.slowness["torch"] = 9
    tuned = machine.tune(asked(attention="math"))
    assert (tuned.engine, tuned.attention) == ("torch", "math")


def test_the_second_time_nothing_is_measured(machine):
    first = machine.tune()
    machine.loaded.clear()
    assert machine.tune() == first
    assert machine.loaded == []


@pytest.mark.parametrize(
    "changed",
    [
        {"steps": 4},
        {"engine": "torch"},
        {"precision": "bf16"},
        {"attention": "sdpa"},
        {"batch_size": 8},
        {"vae_batch_size": 8},
        {"generate_size": 64},
        {"vae": "tiny"},
        {"guided": False},
        {"deep_cache": 2},
    ],
)
def test_another_use_is_measured_anew(machine, changed):
    machine.tune()
    machine.loaded.clear()
    machine.tune(asked(**changed))
    assert machine.loaded
    machine.loaded.clear()
    machine.tune()
    assert machine.loaded == []


def test_what_keeps_to_the_memory_allowed_serves_and_what_does_not_is_measured_anew(machine):
    found = machine.tune()  # 32 images denoised and 8 decoded, at a MiB each
    assert found.bytes == 140 * MIB
    machine.loaded.clear()
    assert machine.tune(asked(memory=140 * MIB)) == found
    assert machine.loaded == []
    limited = machine.tune(asked(memory=139 * MIB))
    assert limited.batch_size < 32
    machine.loaded.clear()
    assert machine.tune(asked(memory=139 * MIB)) == limited
    assert machine.loaded == []
    assert machine.tune().batch_size == 32, "a short search that was limited is for that limit"


def test_a_full_search_within_some_memory_serves_where_none_is_named(machine):
    limited = machine.tune(asked(effort="full", memory=130 * MIB))
    machine.loaded.clear()
    assert machine.tune() == limited
    machine.tune(asked(memory=125 * MIB))
    assert machine.loaded
    machine.loaded.clear()
    assert machine.tune() == limited
    assert machine.loaded == []


@pytest.mark.parametrize("name", ["describe_device", "instruction_set"])
def test_another_device_is_measured_anew(machine, monkeypatch, name):
    machine.tune()
    machine.loaded.clear()
    monkeypatch.setattr(tuning, name, lambda device: "another")
    machine.tune()
    assert machine.loaded


def test_another_version_of_a_library_or_other_weights_are_measured_anew(machine, monkeypatch):
    machine.tune()
    for name in ("library_versions", "source_digest"):
        machine.loaded.clear()
        monkeypatch.setattr(tuning, name, lambda *_: {"torch": "9.9"})
        machine.tune()
        assert machine.loaded


def test_a_full_search_serves_where_a_short_one_is_asked_for_and_not_the_reverse(machine):
    short = machine.tune()
    machine.slowness["torch:compiled"] = 0.5
    full = machine.tune(asked(effort="full"))
    assert (short.engine, full.engine) == ("torch", "torch:compiled")
    machine.loaded.clear()
    assert machine.tune() == full
    assert machine.loaded == []


def test_measuring_again_takes_the_place_of_what_was_remembered(machine):
    machine.tune(asked(effort="full"))
    machine.tune()
    machine.slowness["onnxruntime"] = 0.5
    again = machine.tune(again=True)
    assert again.engine == "onnxruntime"
    assert machine.tune() == again


def test_compiling_is_for_the_batch_that_was_best_and_only_in_a_full_search(machine):
    machine.tune()
    assert "torch:compiled" not in machine.names()
    machine.tune(asked(effort="full"))
    (compiled,) = [choice for choice in machine.loaded if choice.variant == "compiled"]
    assert (compiled.batch_size, compiled.vae_batch_size) == (32, 8)


def test_an_engine_that_is_to_be_compiled_gets_its_batch_from_one_that_is_not(machine):
    tuned = machine.tune(asked(engine="torch:compiled"))
    assert tuned.engine == "torch:compiled"
    assert tuned.batch_size == 32
    assert machine.names() == ["torch", "torch:compiled"]


def test_an_engine_that_cannot_serve_is_left_out_with_its_reason(machine, caplog):
    caplog.set_level(logging.INFO)
    machine.errors["onnxruntime"] = InputError("the graph is not exact")
    assert machine.tune().engine == "torch"
    assert "leaves onnxruntime out: the graph is not exact" in caplog.text
    notes = [news.note for news in machine.told if news.engine == "onnxruntime"]
    assert notes == ["left out: the graph is not exact"]


def test_an_engine_whose_library_is_missing_is_left_out(machine, monkeypatch):
    statuses = [
        EngineStatus("torch", "1", ()),
        EngineStatus("onnxruntime:cpu", None, ("it is not installed",)),
    ]
    monkeypatch.setattr(tuning_search, "engine_statuses", lambda device: statuses)
    assert machine.tune().engine == "torch"
    assert machine.names() == ["torch"]


@pytest.mark.parametrize("engine", ["auto", "onnxruntime"])
def test_what_has_to_serve_and_cannot_is_an_error_and_not_remembered(machine, engine):
    needed = "torch" if engine == "auto" else engine
    machine.errors[needed] = InputError("the model is damaged")
    with pytest.raises(InputError, match="the model is damaged"):
        machine.tune(asked(engine=engine))
    machine.errors.clear()
    assert machine.tune(asked(engine=engine)).batch_size == 32


def test_an_interrupted_search_is_not_remembered(machine):
    machine.errors["onnxruntime"] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        machine.tune()
    machine.errors.clear()
    machine.loaded.clear()
    machine.tune()
    assert machine.names() == ["torch", "onnxruntime"]


def test_the_curve_is_told_as_it_goes_and_kept(machine):
    tuned = machine.tune(asked(engine="torch"))
    points = [news.point for news in machine.told if news.point]
    assert tuned.curve == tuple(points)
    steps = [point for point in points if point.graph == "denoise"]
    assert [point.batch for point in steps] == [1, 2, 4, 8, 16, 32, 64, 128]
    assert steps[-1].bytes == 128 * MIB


def test_no_batch_passes_the_memory_allowed(machine):
    """Of 130 MiB weights take 100: decoding may take 15 (8 images), and denoising what is left."""
    tuned = machine.tune(asked(memory=130 * MIB))
    assert (tuned.batch_size, tuned.vae_batch_size) == (16, 8)
    assert all(point.bytes <= 22 * MIB for point in tuned.curve)


def test_without_a_limit_a_fifth_of_the_free_memory_stays_free(machine):
    machine.free = 40 * MIB
    assert machine.tune().batch_size == 16, "24 of 32 MiB are left beside decoding 8 images"


def test_a_batch_that_does_not_fit_gets_one_that_does(machine):
    """12 images are tried before 48, which takes 48 MiB."""
    request = asked(engine="torch", batch_size=48, memory=140 * MIB)
    with pytest.raises(
        InputError,
        match="a batch of 48, which takes about 148 MiB, does not fit into 140 MiB of memory with "
        "engine torch: a batch of 12 does: choose it, allow more memory or generate smaller",
    ):
        machine.tune(request)


def test_where_not_one_image_fits_the_remedy_is_named(machine):
    machine.bytes_an_image = 500 * MIB
    with pytest.raises(InputError, match=r"a batch of 1, .* allow more memory or generate smaller"):
        machine.tune(asked(memory=300 * MIB))


def test_weights_that_do_not_fit_are_an_error(machine):
    with pytest.raises(InputError, match="weights of engine torch do not fit into 90 MiB"):
        machine.tune(asked(memory=90 * MIB))


def test_running_out_of_memory_halves_the_batch_and_is_said_once(machine, caplog):
    machine.too_large = 32
    tuned = machine.tune()
    assert tuned.batch_size == 16
    warnings = [record for record in caplog.records if record.levelname == "WARNING"]
    assert [record.getMessage() for record in warnings] == [
        "engine torch ran out of memory: tuning goes on with 16"
    ]


def test_what_is_built_for_a_batch_and_runs_out_of_memory_is_built_for_half(machine, monkeypatch):
    load = machine.load

    def load_or_fail(folder, choice, *rest):
        machine.too_large = 16 if choice.variant == "compiled" else 10_000
        return load(folder, choice, *rest)

    monkeypatch.setattr(tuning_bench, "load_engines", load_or_fail)
    machine.slowness["torch:compiled"] = 0.5
    tuned = machine.tune(asked(engine="torch:compiled"))
    assert (tuned.batch_size, tuned.vae_batch_size) == (8, 2)
    compiled = [choice.batch_size for choice in machine.loaded if choice.variant == "compiled"]
    assert compiled == [32, 16, 8]


def test_a_short_search_of_a_slow_model_keeps_to_its_time(machine):
    """A step takes 4 seconds whatever the batch: engines share 20, a first call counts."""
    for engine in ("torch", "onnxruntime"):
        machine.slowness[engine] = 4.0 / 0.032
    tuned = machine.tune()
    assert tuned.batch_size >= 1
    assert machine.now < tuning_search.SHORT_SECONDS + 2 * 4.0


def test_a_gpu_is_served_by_pytorch_with_or_without_graphs_in_a_short_search(gpu):
    gpu.slowness["torch", "auto", "graph"] = 0.5
    tuned = gpu.tune(asked(device=GPU))
    assert (tuned.engine, tuned.cuda_graphs) == ("torch", True)
    assert set(gpu.names()) == {"torch"}


def test_cuda_graphs_that_are_not_wanted_are_not_tried(gpu):
    gpu.slowness["torch", "auto", "graph"] = 0.5
    tuned = gpu.tune(asked(device=GPU, cuda_graphs=False))
    assert not tuned.cuda_graphs
    assert not any(choice.cuda_graphs for choice in gpu.loaded)


def test_a_full_search_on_a_gpu_tries_attention_graphs_and_every_engine(gpu):
    gpu.errors["flash"] = InputError("flash cannot serve heads of 3")
    gpu.slowness["torch", "cudnn"] = 0.8
    gpu.slowness["torch", "cudnn", "graph"] = 0.7
    gpu.slowness["torch:compiled", "cudnn", "graph"] = 0.6
    tuned = gpu.tune(asked(device=GPU, effort="full", batch_size=2, vae_batch_size=2))
    assert tuned.engine == "torch:compiled"
    assert (tuned.attention, tuned.cuda_graphs) == ("cudnn", True)
    assert set(gpu.names()) == {"torch", "onnxruntime", "torch:compiled", "tensorrt"}
    tried = {choice.attention for choice in gpu.loaded if choice.variant is None}
    assert tried == {"auto", "xformers", "cudnn", "flash", "sdpa"}


def test_with_tuning_off_defaults_are_taken_and_nothing_is_measured(machine):
    choice = tuned_choice(TINY_FASHION, asked(tune="off"), machine.cache, machine.told.append)
    assert (choice.backend, choice.batch_size, choice.vae_batch_size) == ("torch", 128, 128)
    large = asked(generate_size=512, tune="off")
    choice = tuned_choice(TINY_FASHION, large, machine.cache, machine.told.append)
    assert choice.batch_size == 8
    assert machine.loaded == []


def test_an_exported_folder_runs_in_onnx_runtime_with_tuning_off(machine, tiny_export):
    folder = tiny_export("sd15", "fp32").folder
    choice = tuned_choice(folder, asked(tune="off"), machine.cache, machine.told.append)
    assert choice.backend == "onnxruntime"


def test_an_exported_folder_is_not_tried_in_pytorch(machine, tiny_export):
    tuned = machine.tune(folder=tiny_export("sd15", "fp32").folder)
    assert tuned.engine == "onnxruntime"
    assert machine.names() == ["onnxruntime"]


def test_where_engine_and_batch_are_given_nothing_is_measured(machine):
    request = asked(engine="torch:compiled", batch_size=6)
    choice = tuned_choice(TINY_FASHION, request, machine.cache, machine.told.append)
    assert (choice.backend, choice.variant, choice.batch_size) == ("torch", "compiled", 6)
    assert machine.loaded == []


@pytest.mark.parametrize("request_", [REQUEST, asked(batch_size=16), asked(engine="torch")])
def test_what_is_left_open_is_tuned(machine, request_):
    choice = tuned_choice(TINY_FASHION, request_, machine.cache, machine.told.append)
    assert (choice.backend, choice.batch_size) == ("torch", request_.settings.batch_size or 32)


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"steps": 0}, "steps is 0: at least 1 is needed"),
        ({"batch_size": -1}, "batch size is -1: at least 1 is needed"),
        ({"effort": "ful"}, "unknown effort 'ful': did you mean 'full'?"),
        ({"engine": "torhc"}, "unknown engine 'torhc'"),
    ],
)
def test_bad_requests_are_refused(wrong, complaint):
    with pytest.raises(InputError, match=complaint):
        asked(**wrong)


def test_an_unknown_mode_of_tuning_is_refused(machine):
    with pytest.raises(InputError, match="unknown tuning 'on'"):
        tuned_choice(TINY_FASHION, asked(tune="on"), machine.cache, machine.told.append)


def test_a_real_model_is_measured(tiny_model, tmp_path):
    settings = GenerateSettings(
        steps=1, engine="torch", precision="fp32", batch_size=2, vae_batch_size=1
    )
    told = []
    request = TuneRequest(CPU, settings)
    tuned = tune(tiny_model("sd15"), request, Cache(tmp_path), told.append)
    assert [(point.graph, point.batch) for point in tuned.curve] == [
        ("vae_decoder", 1),
        ("denoise", 1),
        ("denoise", 2),
    ]
    assert all(point.seconds > 0 for point in tuned.curve)
    assert all(isinstance(news, TuneProgress) for news in told)
    choice = tuned.choice(request)
    assert (choice.backend, choice.batch_size, choice.vae_batch_size) == ("torch", 2, 1)
