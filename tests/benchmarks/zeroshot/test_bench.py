"""The benchmark of classifying without training, on few images and in this process."""

from typing import ClassVar

import pytest

from zeroreal.base import InputError
from zeroreal.benchmarks.harness import Measurement, Progress, Rounds
from zeroreal.benchmarks.zeroshot import contest
from zeroreal.benchmarks.zeroshot.answers import Answers
from zeroreal.benchmarks.zeroshot.bench import measure_zeroshot
from zeroreal.benchmarks.zeroshot.entrant import Entrant
from zeroreal.benchmarks.zeroshot.figures import case_figures
from zeroreal.benchmarks.zeroshot.names import parse_name
from zeroreal.benchmarks.zeroshot.settings import ZeroshotBenchSettings
from zeroreal.generate.diffusion_classifier.stages import parse_stages

FEW = {
    "stages": parse_stages("1:2,1:1"),
    "images": 10,
    "encoder_images": 20,
    "rounds": 2,
    "device": "cpu",
}


@pytest.fixture
def measure(near_worker, monkeypatch):
    """A function that measures few images by the contenders, and what it was told."""
    monkeypatch.setattr(contest, "Worker", near_worker)

    def run(*contenders, tell=None, **settings):
        lines = []
        settings = ZeroshotBenchSettings(contenders=contenders, **{**FEW, **settings})
        return measure_zeroshot(settings, Progress(tell or lines.append)), lines

    return run


def test_ours_and_the_plain_loop_put_images_into_the_same_classes(measure):
    found, lines = measure("diffusers/fp32@8", "ours:torch/fp32@16")
    peer, ours = found.rows
    assert [row.key for row in found.rows] == [
        ("diffusion", "diffusers/fp32@8"),
        ("diffusion", "ours:torch/fp32@16"),
    ]
    assert (peer.is_baseline, ours.is_baseline) == (True, False)
    for row in found.rows:
        assert row.facts["evaluations"] == 10 * (10 + 2)
        seconds = row.metrics["seconds"].values
        each = row.metrics["evaluations_per_second"].values
        assert each == pytest.approx([120 / one for one in seconds])
        assert row.metrics["seconds_per_image"].values == pytest.approx([s / 10 for s in seconds])
    assert ours.facts["agreement"] == 1
    assert ours.facts["accuracy"] == peer.facts["accuracy"] > 0.3
    assert (peer.facts["batch_size"], ours.facts["batch_size"]) == (8, 16)
    assert lines[-1] == "diffusion: round 2 of 2"


def test_encoders_are_compared_with_transformers(measure):
    found, _ = measure("transformers", "encoder:torch")
    peer, ours = found.rows
    assert ours.facts["agreement"] == 1
    assert ours.facts["accuracy"] == peer.facts["accuracy"] > 0.3
    assert ours.facts["batch_size"] > 20
    assert peer.facts["batch_curve"][0]["batch_size"] == 8
    rates = ours.metrics["images_per_second"].values
    assert rates == pytest.approx([20 / one for one in ours.metrics["seconds"].values])
    assert "evaluations_per_second" not in ours.metrics


class Known:
    """A contender that does nothing, whose rate hardly rises beyond 32 evaluations."""

    rates: ClassVar = {8: 1.0, 16: 2.0, 32: 4.0, 64: 4.1}

    def __init__(self, job, name):
        self._name = name

    def rate(self, batch_size):
        return self.rates[batch_size]

    def start(self, batch_size):
        if self._name.program == "diffusers":
            raise InputError("no library")
        return Answers((1, 2), 0.5, batch_size, 24)

    def seconds(self):
        return 2.0


def test_each_takes_its_turns_at_its_best_batch_or_says_why_it_cannot(measure, monkeypatch):
    monkeypatch.setattr(contest, "DiffusionWorker", Known)
    found, _ = measure("diffusers/fp32@8", "ours:torch/fp32", "ours:torch/bf16@8", images=10)
    failed, best, eight = found.rows
    assert (failed.reason, failed.metrics) == ("no library", {})
    assert (best.is_baseline, best.facts["batch_size"], eight.facts["batch_size"]) == (True, 64, 8)
    curve = [(one["batch_size"], one["images_per_second"]) for one in best.facts["batch_curve"]]
    assert curve == list(Known.rates.items())
    assert best.metrics["evaluations_per_second"].values == (12.0, 12.0)
    assert eight.metrics["ratio"].values == (1.0, 1.0)
    found, _ = measure("diffusers/fp32@8")
    assert "diffusion: no contender could serve" in found.reasons


def test_ctrl_c_keeps_the_case_that_is_finished(measure, monkeypatch):
    def tell(line):
        if line.startswith("encoder:torch"):
            raise KeyboardInterrupt

    monkeypatch.setattr(contest, "DiffusionWorker", Known)
    found, _ = measure("ours:torch/fp32@16", "encoder:torch", tell=tell)
    assert not found.finished
    assert [row.name for row in found.rows] == ["ours:torch/fp32@16"]
    with pytest.raises(KeyboardInterrupt):
        measure("encoder:torch", tell=tell)


@pytest.mark.parametrize(("other", "is_doubted"), [(19, False), (18, True)])
def test_figures_of_other_classes_are_not_to_be_trusted(other, is_doubted):
    entrants = [
        Entrant(parse_name(text), 8, answers=Answers((0,) * same + (1,) * (20 - same), 0.5, 8, 40))
        for text, same in (("diffusers/fp32", 20), ("ours:torch/fp32", other))
    ]
    measured = tuple(Measurement(one.name.text, [1.0] * 5) for one in entrants)
    found = case_figures("diffusion", entrants, Rounds(measured, 5, 5), 20)
    assert found.rows[1].facts["agreement"] == other / 20
    told = "diffusion: ours:torch/fp32 puts only 90.0% of the images into the same classes as dif"
    assert [reason[: len(told)] == told for reason in found.reasons] == [True] * is_doubted


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"images": 0}, "images is 0"),
        ({"encoder_images": 0}, "encoder_images is 0"),
        ({"rounds": 0}, "rounds is 0"),
        ({"stages": ()}, "there are no stages"),
        ({"model": "x", "random_weights": "sd15"}, "both a model and random weights"),
        ({"contenders": ("transformers", "transformers")}, "names a contender twice"),
        ({"encoder": "embeded", "contenders": ("transformers",)}, "'embeded' does not exist"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(wrong, complaint):
    with pytest.raises(InputError, match=complaint):
        measure_zeroshot(ZeroshotBenchSettings(**{"device": "cpu", **wrong}))
