"""From class names to images: recipes, prompts and the generator."""

from ..engine.errors import InputError
from .classes import ClassName, class_entries, parse_classes
from .generator import Generator, ImageBatch
from .recipe import Recipe, load_recipe, recipe_text, shipped_recipes
from .samples import SamplePlan, SampleSpec

__all__ = [
    "ClassName",
    "Generator",
    "ImageBatch",
    "InputError",
    "Recipe",
    "SamplePlan",
    "SampleSpec",
    "class_entries",
    "load_recipe",
    "parse_classes",
    "recipe_text",
    "shipped_recipes",
]
