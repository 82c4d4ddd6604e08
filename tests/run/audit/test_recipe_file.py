"""The recipe that is recommended is the one that was audited."""

from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import save_file

from zeroreal.generate import SamplePlan, load_recipe, parse_classes
from zeroreal.generate.plan.content import recipe_content
from zeroreal.generate.settings import GenerateSettings
from zeroreal.run.audit.candidates import parse_candidates
from zeroreal.run.audit.recipe_file import run_command, write_recipe


@pytest.fixture
def mine(tmp_path):
    (tmp_path / "prompts.json").write_text('{"coat": ["a coat"], "bag": ["a bag"]}')
    path = tmp_path / "mine.yaml"
    path.write_text("prompts: prompts.json\nnegative_prompt: blurred\nguidance: 3\n")
    text = "prompt: a {attribute} {class}\nattributes: [old, red]\nweights: {old: 5}\ncap: 3\n"
    (tmp_path / "looks.yaml").write_text(text)
    text = "prompt: a {attribute} {class}\nattributes: {coat: [old], bag: [red, wet]}\n"
    (tmp_path / "own.yaml").write_text(text)
    (tmp_path / "de.json").write_text('{"coat": "Mantel", "bag": "Tasche"}')
    (tmp_path / "de.yaml").write_text("prompt: ein {class}\nlanguage: de\nnames: de.json\n")
    merged = tmp_path / "both.yaml"
    merged.write_text("merge: [mine.yaml, looks.yaml, de.yaml, merged]\n")
    weighted = "merge: [base, de.yaml, both.yaml, looks.yaml]\n"
    (tmp_path / "weighted.yaml").write_text(f"{weighted}weights: {{both.yaml: 3, de.yaml: 0}}\n")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "guidance"),
    [
        *[(name, None) for name in ("base", "multi-domain", "random-guidance", "merged")],
        *[(name, (1.0, 3.0)) for name in ("base", "merged")],
        *[(name, None) for name in ("mine.yaml", "looks.yaml", "own.yaml", "de.yaml")],
        *[(name, None) for name in ("both.yaml", "prompts.json", "weighted.yaml")],
        ("weighted.yaml", (1.0, 3.0)),
    ],
)
def test_what_is_read_again_makes_the_same_images(name, guidance, mine, tmp_path):
    recipe = load_recipe(mine / name if "." in name else name, guidance)
    out = tmp_path / "out"
    out.mkdir()
    path = write_recipe(out, recipe)
    assert recipe_content(load_recipe(path)) == recipe_content(recipe)
    assert load_recipe(path).description == recipe.description
    assert yaml.safe_load(path.read_text())["name"] == recipe.name


def test_a_part_with_a_weight_is_written_once(mine, tmp_path):
    recipe = load_recipe(mine / "weighted.yaml")
    out = tmp_path / "out"
    out.mkdir()
    path = write_recipe(out, recipe)
    content = yaml.safe_load(path.read_text())
    assert content["merge"] == ["recipe-1.yaml", "recipe-3.yaml", "recipe-4.yaml"]
    assert content["weights"] == {"recipe-1.yaml": 1, "recipe-3.yaml": 3, "recipe-4.yaml": 1}
    assert len(list(out.glob("recipe-3-[0-9].yaml"))) == 4  # those that both.yaml merges
    again = load_recipe(path)
    classes = parse_classes(["coat", "bag"])
    assert list(SamplePlan(again, classes, 70, 1)) == list(SamplePlan(recipe, classes, 70, 1))


def test_the_command_has_what_differs_from_the_defaults(tmp_path):
    lora = tmp_path / "x.safetensors"
    layer = "unet.mid_block.attentions.0.proj"
    weights = {"lora_A": torch.ones(2, 4), "lora_B": torch.ones(4, 2)}
    save_file({f"{layer}.{name}.weight": one for name, one in weights.items()}, lora)
    text = f"base,steps=8,cuda-graphs=false,guidance-interval=0.3:5,generate-size=24x16,lora={lora}"
    (one,) = parse_candidates([text], GenerateSettings(precision="fp32", unet="own"))
    assert run_command(one, Path("recipe.yaml"), ["cat", "dog: small dog"]) == (
        f"zeroreal run --recipe recipe.yaml --classes 'cat,dog: small dog' --lora {lora} "
        "--precision fp32 --no-cuda-graphs --unet own --steps 8 --generate-size 24x16 "
        "--guidance-interval 0.3:5"
    )
