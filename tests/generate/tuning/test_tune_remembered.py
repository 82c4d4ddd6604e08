"""Tuning: when what was measured before is taken again, and when it is measured anew."""

import pytest

from zeroreal.export.model.parts import ModelParts
from zeroreal.generate.tuning import tune as tuning

MIB = 2**20


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
def test_another_use_is_measured_anew(machine, changed, asked):
    machine.tune()
    machine.loaded.clear()
    machine.tune(asked(**changed))
    assert machine.loaded
    machine.loaded.clear()
    machine.tune()
    assert machine.loaded == []


def test_what_keeps_to_the_memory_allowed_serves_and_what_does_not_is_measured_anew(machine, asked):
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


def test_a_full_search_within_some_memory_serves_where_none_is_named(machine, asked):
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
    for place, value in (
        ((tuning, "library_versions"), lambda *_: {"torch": "9.9"}),
        ((ModelParts, "digest"), "of other weights"),
    ):
        machine.loaded.clear()
        monkeypatch.setattr(*place, value)
        machine.tune()
        assert machine.loaded


def test_a_full_search_serves_where_a_short_one_is_asked_for_and_not_the_reverse(machine, asked):
    short = machine.tune()
    machine.slowness["torch:compiled"] = 0.5
    full = machine.tune(asked(effort="full"))
    assert (short.engine, full.engine) == ("torch", "torch:compiled")
    machine.loaded.clear()
    assert machine.tune() == full
    assert machine.loaded == []


def test_measuring_again_takes_the_place_of_what_was_remembered(machine, asked):
    machine.tune(asked(effort="full"))
    machine.tune()
    machine.slowness["onnxruntime"] = 0.5
    again = machine.tune(again=True)
    assert again.engine == "onnxruntime"
    assert machine.tune() == again


def test_an_interrupted_search_is_not_remembered(machine):
    machine.errors["onnxruntime"] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        machine.tune()
    machine.errors.clear()
    machine.loaded.clear()
    machine.tune()
    assert machine.names() == ["torch", "onnxruntime"]
