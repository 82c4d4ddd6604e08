from .dataset.config.settings import DatasetSettings
from .dataset.making import DatasetInterruptedError, generate_dataset
from .diffusion_classifier.classified import Classified
from .diffusion_classifier.classifier import DiffusionClassifier
from .diffusion_classifier.settings import DiffusionClassifierSettings
from .facts import GeneratorFacts
from .filters.agreement import AgreementFilter
from .filters.duplicates import DuplicateFilter, perceptual_hash
from .filters.filter import ImageFilter, Verdict
from .filters.quality import Quality
from .generator import Generator
from .image_batch import ImageBatch
from .parallel.generator import DataParallelGenerator, parse_devices
from .plan.classes import ClassName, class_entries, parse_classes
from .plan.recipe import Recipe, load_recipe, recipe_text, shipped_recipes
from .plan.samples import (
    PossiblePrompt,
    SamplePlan,
    SampleSpec,
    possible_prompts,
    prompt_counts,
)
from .sampling.steps import parse_interval
from .settings import GenerateSettings
from .tuning.request import TuneProgress, TuneRequest
from .tuning.tune import Tuned, tune

__all__ = [
    "AgreementFilter",
    "ClassName",
    "Classified",
    "DataParallelGenerator",
    "DatasetInterruptedError",
    "DatasetSettings",
    "DiffusionClassifier",
    "DiffusionClassifierSettings",
    "DuplicateFilter",
    "GenerateSettings",
    "Generator",
    "GeneratorFacts",
    "ImageBatch",
    "ImageFilter",
    "PossiblePrompt",
    "Quality",
    "Recipe",
    "SamplePlan",
    "SampleSpec",
    "TuneProgress",
    "TuneRequest",
    "Tuned",
    "Verdict",
    "class_entries",
    "generate_dataset",
    "load_recipe",
    "parse_classes",
    "parse_devices",
    "parse_interval",
    "perceptual_hash",
    "possible_prompts",
    "prompt_counts",
    "recipe_text",
    "shipped_recipes",
    "tune",
]
