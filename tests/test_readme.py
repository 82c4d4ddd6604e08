"""The README's promises that a program can check."""

import re
from pathlib import Path

import torch
from PIL import Image

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


LOADING, GENERATING = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_the_loader_example_runs_as_written(tmp_path, monkeypatch):
    for name in ("cat", "dog"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(2):
            Image.new("RGB", (32, 32), "grey").save(tmp_path / "photos" / name / f"{number}.png")
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(LOADING, names)
    assert names["images"].shape == (4, 3, 224, 224)
    assert names["images"].is_contiguous(memory_format=torch.channels_last)
    assert sorted(names["labels"].tolist()) == [0, 0, 1, 1]
    assert names["state"]["epoch"] == 1


def test_the_python_example_runs_as_written(capsys):
    names = {}
    exec(GENERATING, names)
    assert names["images"].shape == (300, 32, 32, 3)
    learnt = names["trainer"].predict(names["images"]).argmax(1)
    assert (learnt == names["labels"].cpu()).float().mean() > 0.6
    assert "tensor" in capsys.readouterr().out


def test_every_recipe_is_in_the_table():
    from zeroreal.generate import shipped_recipes

    assert all(f"| `{name}` |" in README for name in shipped_recipes())


def test_links_and_pictures_exist():
    targets = re.findall(r"\]\(([^)#:]+)\)", README)
    assert targets
    assert all((ROOT / target).exists() for target in targets)
