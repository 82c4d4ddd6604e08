"""A contender in its process: what is timed, what is not, and which scheduler a peer has."""

import json
import shutil
import sys
from types import SimpleNamespace

import pytest
import torch
from diffusers import DDIMScheduler, DiffusionPipeline, EulerDiscreteScheduler

from zeroreal.assets import TINY_FASHION
from zeroreal.base import InputError
from zeroreal.benchmarks.generation import contestant, optimum_pipelines
from zeroreal.benchmarks.generation.contender import parse_contender
from zeroreal.benchmarks.generation.contestant import GenerationWorker
from zeroreal.benchmarks.generation.job import GenerationJob

CPU = torch.device("cpu")


def job(folder=TINY_FASHION, **changes):
    given = {
        "folder": folder,
        "generate_size": (32, 32),
        "images": 4,
        "steps": 2,
        "scheduler": None,
        "guidance": "on",
        "recipe": "base",
        "device": "cpu",
        "cache": None,
    }
    return GenerationJob(**{**given, **changes})


class Counted:
    """A pipeline whose first two calls with a number of images compile and record."""

    def __init__(self, log):
        self.log = log

    def images(self, specs):
        self.log.append(("images", len(specs), len({spec.guidance for spec in specs})))
        return torch.zeros(len(specs), 1, 1, 3, dtype=torch.uint8)

    def step_seconds(self, batch):
        self.log.append(("step", len(batch), 1))
        return 0.5


@pytest.fixture
def worker(monkeypatch):
    """A function that gives a worker, and what its pipeline is asked for."""

    def make(**changes):
        log = []
        monkeypatch.setattr(contestant, "_peer", lambda *_: Counted(log))
        return GenerationWorker(job(**changes), parse_contender("diffusers/fp32")), log

    return make


def test_two_calls_come_before_a_measured_one(worker):
    made, log = worker()
    first = made.start(4)
    assert first.step_seconds == 0.5
    assert log == [("images", 4, 1), ("images", 4, 1), ("step", 4, 1)]


def test_a_batch_of_other_shapes_is_warmed_up_before_its_steps(worker):
    made, log = worker(guidance="recipe", recipe="random-guidance")
    made.start(2)
    everything, batch = ("images", 4, 3), ("images", 2, 1)  # of so many scales
    assert log == [everything, everything, batch, batch, ("step", 2, 1)]


def test_two_calls_come_before_a_batch_size_is_timed(worker, monkeypatch):
    made, log = worker()
    timed = []
    monkeypatch.setattr(contestant, "timed", lambda work, device: timed.append(len(log)) or 1.0)
    assert made.rate(2) == 2.0
    assert timed[0] == 2


@pytest.fixture
def other_scheduler(tmp_path):
    """The embedded model, whose index names a scheduler that the scheduler's own file does not."""
    folder = shutil.copytree(TINY_FASHION, tmp_path / "model")
    index = json.loads((folder / "model_index.json").read_text())
    index["scheduler"] = ["diffusers", "EulerDiscreteScheduler"]
    (folder / "model_index.json").write_text(json.dumps(index))
    return folder


def scheduler_of(folder, **changes):
    peer = contestant._peer(job(folder, **changes), parse_contender("diffusers/fp32"), CPU, 2)
    return peer._pipeline.scheduler


def test_the_peer_has_the_scheduler_of_the_library(other_scheduler):
    found = scheduler_of(other_scheduler)
    assert type(found) is EulerDiscreteScheduler
    expected = DiffusionPipeline.from_pretrained(other_scheduler).scheduler
    assert dict(found.config) == dict(expected.config)


@pytest.mark.parametrize("name", ["DDIM", "DDIMScheduler"])
def test_a_scheduler_by_name_takes_the_values_of_the_peers_own(other_scheduler, name):
    found = scheduler_of(other_scheduler, scheduler=name)
    own = DiffusionPipeline.from_pretrained(other_scheduler).scheduler
    assert type(found) is DDIMScheduler
    assert dict(found.config) == dict(DDIMScheduler.from_config(own.config).config)


@pytest.fixture
def optimum(monkeypatch):
    """`optimum` with pipelines that note how they are loaded, reshaped and compiled."""
    log = []

    class Pipeline:
        @classmethod
        def from_pretrained(cls, folder, **options):
            log.append(options)
            return cls()

        def reshape(self, **sizes):
            log.append(sizes)

        def compile(self):
            log.append("compile")

        def set_progress_bar_config(self, disable):
            pass

    for module, name in (("onnxruntime", "ORT"), ("intel", "OV")):
        fake = SimpleNamespace(**{f"{name}DiffusionPipeline": Pipeline})
        monkeypatch.setitem(sys.modules, f"optimum.{module}", fake)
    monkeypatch.setitem(sys.modules, "optimum", SimpleNamespace())
    return log


def load(name, **changes):
    return contestant._peer(job(**changes), parse_contender(name), CPU, 2)


def test_optimum_exports_for_onnxruntime_in_the_precision_asked_for(optimum):
    assert load("optimum:onnxruntime/fp32")._dtype is torch.float32
    (options,) = optimum
    assert (options["export"], options["torch_dtype"]) == (True, torch.float32)
    assert options["provider"] == "CPUExecutionProvider"


def test_optimum_computes_on_openvino_in_the_precision_asked_for(optimum):
    peer = load("optimum:openvino/bf16")
    options, sizes, compiled = optimum
    assert options["ov_config"] == {"INFERENCE_PRECISION_HINT": "bf16"}
    assert not options["load_in_8bit"], "large models would be quantised"
    assert sizes == {"batch_size": 2, "height": 32, "width": 32, "num_images_per_prompt": 1}
    assert compiled == "compile"
    assert peer._dtype is torch.float32, "what its inputs have"


@pytest.mark.parametrize("guidance", ["off", "recipe"])
def test_openvinos_sizes_stay_open_for_calls_without_guidance(optimum, guidance):
    load("optimum:openvino/fp32", guidance=guidance)
    assert optimum[1:] == ["compile"]


def test_openvino_does_not_run_on_a_gpu():
    with pytest.raises(InputError, match="OpenVINO does not run on cuda"):
        optimum_pipelines.load_openvino(
            TINY_FASHION, torch.float32, torch.device("cuda"), shape=None
        )


def test_what_optimum_itself_misses_is_told_as_it_is(optimum, monkeypatch):
    class Broken:
        def __getattr__(self, name):
            raise ModuleNotFoundError("No module named 'nncf'", name="nncf")

    monkeypatch.setitem(sys.modules, "optimum.intel", Broken())
    with pytest.raises(ModuleNotFoundError, match="nncf"):
        load("optimum:openvino/fp32")
