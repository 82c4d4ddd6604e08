"""Recipes from files, and what plans of them show."""

from zeroreal.generate import load_recipe


def recipe_of(folder, text, name="mine.yaml"):
    (folder / name).write_text(text)
    return load_recipe(folder / name)


def shown(plan, label=0):
    return [spec.prompt for spec in plan if spec.label == label]
