"""From class names to images: recipes, prompts and the generator."""

from ..engine.errors import InputError
from .classes import ClassName, class_entries, parse_classes
from .devices import DataParallelGenerator, parse_devices
from .facts import GeneratorFacts
from .generator import Generator, ImageBatch
from .recipe import Recipe, load_recipe, recipe_text, shipped_recipes
from .sampler import parse_interval
from .samples import SamplePlan, SampleSpec
from .tuning import Tuned, TuneProgress, TuneRequest, tune

__all__ = [
    "ClassName",
    "DataParallelGenerator",
    "Generator",
    "GeneratorFacts",
    "ImageBatch",
    "InputError",
    "Recipe",
    "SamplePlan",
    "SampleSpec",
    "TuneProgress",
    "TuneRequest",
    "Tuned",
    "class_entries",
    "load_recipe",
    "parse_classes",
    "parse_devices",
    "parse_interval",
    "recipe_text",
    "shipped_recipes",
    "tune",
]
