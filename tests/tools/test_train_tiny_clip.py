"""The script that made the embedded dual encoder, on a few random images and steps."""

import json

import pytest
import torch
from safetensors.torch import load_file


@pytest.fixture
def train(run_script, data, capsys):
    """A function that trains into a folder, and gives the figures that it tells."""

    def train(out, **options):
        few = {"generated": 20, "steps": 2, "batch": 8, "held_out": 10, **options}
        run_script("train_tiny_clip.py", data=data, out=out, **few)
        return json.loads(capsys.readouterr().out.splitlines()[-1])

    return train


@pytest.mark.slow
def test_it_writes_a_folder_that_is_loaded_and_tells_its_accuracy(train, tmp_path):
    from zeroreal.encoders import load_encoder

    figures = train(tmp_path)
    assert (figures["real"], figures["generated"], figures["steps"]) == (30, 20, 2)
    assert all(0 <= accuracy <= 1 for accuracy in figures["held_out"].values())
    encoder = load_encoder(tmp_path, torch.device("cpu"))
    assert (encoder.kind, encoder.dimension, encoder.image_size) == ("clip", 128, 32)


def test_the_same_seed_gives_the_same_weights(train, tmp_path):
    for name in "ab":
        train(tmp_path / name, generated=0)
    first, second = (load_file(tmp_path / name / "model.safetensors") for name in "ab")
    assert all(torch.equal(value, second[name]) for name, value in first.items())


def test_a_tokenizer_is_the_same_each_time_it_is_trained(tmp_path, monkeypatch):
    from pathlib import Path

    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "tools")
    from tiny_clip.model import new_tokenizer

    for name in "abcdef":  # one of two orders each time, before
        new_tokenizer(tmp_path / name)
    assert len({(tmp_path / name / "merges.txt").read_text() for name in "abcdef"}) == 1


def test_captions_of_every_language_fit_and_name_their_class_and_domain(tmp_path, monkeypatch):
    from pathlib import Path

    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "tools")
    from tiny_clip.captions import DOMAIN_NAMES, english, french, german
    from tiny_clip.model import new_tokenizer

    tokenizer = new_tokenizer(tmp_path)
    sketch = DOMAIN_NAMES.index("sketch")
    assert "a sketch of an ankle boot" in english("ankle boot", sketch)
    assert "eine Skizze von einer Stiefelette" in german("ankle boot", sketch)
    assert "un croquis d'une bottine" in french("ankle boot", sketch)
    every = [c for one in (english, german, french) for c in one("ankle boot", 6)]
    assert max(map(len, tokenizer(every).input_ids)) <= 32
