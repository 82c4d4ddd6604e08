"""Generators of the embedded model, what they make images of, and how images differ."""

import pytest

from zeroreal.generate import Generator, SamplePlan, load_recipe, parse_classes
from zeroreal.run import RunSettings

CLASSES = parse_classes(RunSettings().classes)
STEPS = 6


def generator(**options):
    defaults = {"device": "cpu", "precision": "fp32", "steps": STEPS, "batch_size": 8}
    return Generator(**{"engine": "torch", **defaults, **options})


def specs(recipe="merged", count=8, seed=3):
    # Every seventh: all classes and, in a merged recipe, all parts.
    return SamplePlan(load_recipe(recipe), CLASSES, 100, seed)[: 7 * count : 7]


def difference(left, right):
    return (left.int() - right.int()).abs().float()


@pytest.fixture(name="generator", scope="session")
def _generator():
    return generator


@pytest.fixture(name="specs", scope="session")
def _specs():
    return specs


@pytest.fixture(name="difference", scope="session")
def _difference():
    return difference
