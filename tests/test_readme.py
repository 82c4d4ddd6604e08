"""The README's promises that a program can check."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_python_example_runs_as_written(capsys):
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    names = {}
    exec(code, names)
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
