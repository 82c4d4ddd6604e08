"""Tuning: which engines are tried, and what happens to those that cannot serve."""

import logging

import pytest
import torch

from zeroreal.base import InputError
from zeroreal.engine import EngineStatus
from zeroreal.generate.tuning import search as tuning_search

GPU = torch.device("cuda")


def test_compiling_is_for_the_batch_that_was_best_and_only_in_a_full_search(machine, asked):
    machine.tune()
    assert "torch:compiled" not in machine.names()
    machine.tune(asked(effort="full"))
    (compiled,) = [choice for choice in machine.loaded if choice.variant == "compiled"]
    assert (compiled.batch_size, compiled.vae_batch_size) == (32, 8)


def test_an_engine_that_is_to_be_compiled_gets_its_batch_from_one_that_is_not(machine, asked):
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
def test_what_has_to_serve_and_cannot_is_an_error_and_not_remembered(machine, engine, asked):
    needed = "torch" if engine == "auto" else engine
    machine.errors[needed] = InputError("the model is damaged")
    with pytest.raises(InputError, match="the model is damaged"):
        machine.tune(asked(engine=engine))
    machine.errors.clear()
    assert machine.tune(asked(engine=engine)).batch_size == 32


def test_a_gpu_is_served_by_pytorch_with_or_without_graphs_in_a_short_search(gpu, asked):
    gpu.slowness["torch", "auto", "graph"] = 0.5
    tuned = gpu.tune(asked(device=GPU))
    assert (tuned.engine, tuned.cuda_graphs) == ("torch", True)
    assert set(gpu.names()) == {"torch"}


def test_cuda_graphs_that_are_not_wanted_are_not_tried(gpu, asked):
    gpu.slowness["torch", "auto", "graph"] = 0.5
    tuned = gpu.tune(asked(device=GPU, cuda_graphs=False))
    assert not tuned.cuda_graphs
    assert not any(choice.cuda_graphs for choice in gpu.loaded)


def test_a_full_search_on_a_gpu_tries_attention_graphs_and_every_engine(gpu, asked):
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


def test_an_exported_folder_is_not_tried_in_pytorch(machine, tiny_export):
    tuned = machine.tune(folder=tiny_export("sd15", "fp32").folder)
    assert tuned.engine == "onnxruntime"
    assert machine.names() == ["onnxruntime"]
