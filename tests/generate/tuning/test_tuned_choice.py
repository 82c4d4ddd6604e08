"""What engines are chosen with: by tuning, without it, and where nothing is left open."""

import pytest
import torch

from zeroreal.assets import TINY_FASHION
from zeroreal.base import InputError
from zeroreal.generate import GenerateSettings
from zeroreal.generate.tuning import search as tuning_search
from zeroreal.generate.tuning.tune import TuneRequest, tuned_choice

# What leaves open the engine and the batch, the engine alone, the batch alone.
OPEN = [
    TuneRequest(torch.device("cpu"), GenerateSettings(steps=10, **given))
    for given in ({}, {"batch_size": 16}, {"engine": "torch"})
]


def test_with_tuning_off_defaults_are_taken_and_nothing_is_measured(machine, asked):
    choice = tuned_choice(TINY_FASHION, asked(tune="off"), machine.cache, machine.told.append)
    assert (choice.backend, choice.batch_size, choice.vae_batch_size) == ("torch", 128, 128)
    large = asked(generate_size=512, tune="off")
    choice = tuned_choice(TINY_FASHION, large, machine.cache, machine.told.append)
    assert choice.batch_size == 8
    assert machine.loaded == []


def test_an_exported_folder_runs_in_onnx_runtime_with_tuning_off(machine, tiny_export, asked):
    folder = tiny_export("sd15", "fp32").folder
    choice = tuned_choice(folder, asked(tune="off"), machine.cache, machine.told.append)
    assert choice.backend == "onnxruntime"


def test_where_engine_and_batch_are_given_nothing_is_measured(machine, asked):
    request = asked(engine="torch:compiled", batch_size=6)
    choice = tuned_choice(TINY_FASHION, request, machine.cache, machine.told.append)
    assert (choice.backend, choice.variant, choice.batch_size) == ("torch", "compiled", 6)
    assert machine.loaded == []


@pytest.mark.parametrize("request_", OPEN)
def test_what_is_left_open_is_tuned(machine, request_):
    choice = tuned_choice(TINY_FASHION, request_, machine.cache, machine.told.append)
    assert (choice.backend, choice.batch_size) == ("torch", request_.settings.batch_size or 32)


def test_an_unknown_mode_of_tuning_is_refused(machine, asked):
    with pytest.raises(InputError, match="unknown tuning 'on'"):
        tuned_choice(TINY_FASHION, asked(tune="on"), machine.cache, machine.told.append)


def test_few_images_are_worth_a_brief_search_only(machine, asked):
    """At 32 ms a step of 32 images and ten steps, 100 images a second: 12,000 take two minutes."""
    for images in (10_000, 20_000):
        tuned_choice(TINY_FASHION, asked(), machine.cache, machine.told.append, images)
        if images == 10_000:
            assert set(machine.names()) == {"torch"}
            assert machine.now < tuning_search.SECONDS["brief"] + 1
    assert set(machine.names()) == {"torch", "onnxruntime"}


def test_what_was_found_in_a_longer_search_serves_a_shorter_one(machine, asked):
    machine.slowness["onnxruntime"] = 0.5
    for effort in ("short", "full"):
        machine.tune(asked(effort=effort))
        machine.loaded.clear()
        choice = tuned_choice(TINY_FASHION, asked(), machine.cache, machine.told.append, 10)
        assert (choice.backend, machine.loaded) == ("onnxruntime", [])
