"""Tuning: what is measured and what is chosen."""

from dataclasses import replace

import pytest
import torch

from zeroreal.base import InputError
from zeroreal.engine import Cache
from zeroreal.generate import GenerateSettings
from zeroreal.generate.tuning import search as tuning_search
from zeroreal.generate.tuning.tune import TuneProgress, TuneRequest, tune

CPU = torch.device("cpu")
MIB = 2**20


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


def test_images_with_guidance_take_two_rows_each(machine, monkeypatch, asked, fake_engine):
    rows = []

    def call(engine, inputs, outputs=None):
        if "rows" in inputs:
            rows.append(len(inputs["rows"]) / len(inputs["latents"]))
        machine.now += 1.0

    monkeypatch.setattr(fake_engine, "__call__", call)
    machine.tune(asked(guided=True))
    assert set(rows) == {2}
    rows.clear()
    machine.tune(asked(guided=False))
    assert set(rows) == {1}


def test_what_is_asked_for_is_kept(machine, asked):
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
    assert (choice.precision, choice.parts.vae) == ("fp32", "tiny")
    assert choice.generate_size == (64, 64)


def test_attention_that_was_asked_for_is_computed_by_pytorch(machine, asked):
    machine.slowness["torch"] = 9
    tuned = machine.tune(asked(attention="math"))
    assert (tuned.engine, tuned.attention) == ("torch", "math")


def test_the_curve_is_told_as_it_goes_and_kept(machine, asked):
    tuned = machine.tune(asked(engine="torch"))
    points = [news.point for news in machine.told if news.point]
    assert tuned.curve == tuple(points)
    steps = [point for point in points if point.graph == "denoise"]
    assert [point.batch for point in steps] == [1, 2, 4, 8, 16, 32, 64, 128]
    assert steps[-1].bytes == 128 * MIB


def test_a_short_search_of_a_slow_model_keeps_to_its_time(machine):
    """A step takes 4 seconds whatever the batch: engines share 20, a first call counts."""
    for engine in ("torch", "onnxruntime"):
        machine.slowness[engine] = 4.0 / 0.032
    tuned = machine.tune()
    assert tuned.batch_size >= 1
    assert machine.now < tuning_search.SECONDS["short"] + 2 * 4.0


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"steps": 0}, "steps is 0: at least 1 is needed"),
        ({"batch_size": -1}, "batch size is -1: at least 1 is needed"),
        ({"effort": "ful"}, "unknown effort 'ful': did you mean 'full'?"),
        ({"engine": "torhc"}, "unknown engine 'torhc'"),
    ],
)
def test_bad_requests_are_refused(wrong, complaint, asked):
    with pytest.raises(InputError, match=complaint):
        asked(**wrong)


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
