"""What the throughput benchmark refuses before it measures anything."""

import pytest

from zeroreal.base import InputError
from zeroreal.benchmarks.generation import throughput as module
from zeroreal.benchmarks.generation.settings import ThroughputSettings
from zeroreal.benchmarks.generation.throughput import measure_throughput


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"contenders": ("ours:torch/fp32", "pears/fp32")}, "unknown contender 'pears/fp32'"),
        ({"contenders": ("ours:torch/fp32",) * 2}, "names a contender twice"),
        ({"contenders": ("ours:torch/fp32@3",), "images": 8}, "use a multiple of 3"),
        ({"images": 0}, "images is 0: at least 1 is needed"),
        ({"steps": 0}, "steps is 0: at least 1 is needed"),
        ({"rounds": -1}, "rounds is -1: at least 1 is needed"),
        ({"guidance": "maybe"}, "unknown guidance 'maybe'"),
        ({"model": "a", "random_weights": "sd15"}, "both a model and random weights were given"),
        ({"random_weights": "sd16"}, "unknown architecture 'sd16': did you mean 'sd"),
        ({"generate_size": 33}, "images with a side of 33 pixels cannot be generated"),
        ({"device": "cuda:99"}, "device 'cuda:99' is not on this machine"),
        ({"contenders": ("diffusers/fp16",)}, "precision 'fp16' is slow and inexact on a CPU"),
    ],
)
def test_bad_settings_get_one_sentence_before_anything_is_measured(
    near_workers, monkeypatch, settings, complaint
):
    monkeypatch.setattr(module, "measure_matmul", None)
    with pytest.raises(InputError) as error:
        measure_throughput(ThroughputSettings(**{"device": "cpu", **settings}))
    assert complaint in str(error.value)
