"""Which devices a list of them names."""

import pytest
import torch

from zeroreal.base import InputError
from zeroreal.generate.parallel.generator import parse_devices


def gpus(monkeypatch, count):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)


@pytest.mark.parametrize(
    ("text", "devices"),
    [
        ("0,1", ("cuda:0", "cuda:1")),
        (" cuda:1 , 0", ("cuda:1", "cuda:0")),
        ("cuda", ("cuda:0",)),
        ("cpu,cpu", ("cpu", "cpu")),
    ],
)
def test_devices_are_named_in_full(monkeypatch, text, devices):
    gpus(monkeypatch, 2)
    assert parse_devices(text) == devices


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("0,7", "'cuda:7' is not on this machine"),
        ("0,cuda:0", "'cuda:0' comes twice"),
        ("0,cuda", "'cuda:0' comes twice"),
        ("0,", "unknown device ''"),
        ("auto", "unknown device 'auto'"),
        ("gpu0", "unknown device 'gpu0'"),
        ("-1", "unknown device '-1'"),
    ],
)
def test_devices_that_cannot_serve_get_one_sentence(monkeypatch, text, complaint):
    gpus(monkeypatch, 2)
    with pytest.raises(InputError) as caught:
        parse_devices(text)
    assert complaint in str(caught.value)
