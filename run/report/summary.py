"""What a run came to, as `metrics.json`, the report and the command's table tell it."""

from __future__ import annotations

import copy
import json
import shlex
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from ...base import describe_environment, peak_memory_bytes
from ...train.classifier.confidence import TestedConfidence
from ...train.classifier.evaluate import Evaluation
from ..baselines.figures import BaselineFigures
from ..budget.figures import BudgetFigures, budget_figures
from ..budget.plans import BudgetPlan
from ..decide.figures import DecidingFigures
from ..parts import Parts
from ..selection.figures import SelectionFigures
from ..stored.images import StoredImages
from ..training import SampledFeatures, Trained

METRICS = "metrics.json"
_EXAMPLES = 10  # prompts


@dataclass(frozen=True)
class ClassFigures:
    """The figures of a class; None without an image of it."""

    class_name: str
    images: int
    accuracy: float | None
    interval: tuple[float, float] | None
    """95 % interval of the accuracy."""


@dataclass(frozen=True)
class TestFigures:
    """The figures of a test on real images."""

    __test__ = False  # not one of pytest's

    source: str
    images: int
    accuracy: float
    interval: tuple[float, float]
    """95 % interval of the accuracy."""
    chance: float
    """The accuracy of a guess among all classes."""
    per_class: tuple[ClassFigures, ...]
    confusion: list[list[int]]
    """`confusion[i][j]` images of class i were taken for class j."""
    confidence: TestedConfidence | None = None
    """How far its probabilities can be trusted; None of a run that is not calibrated."""
    deciding: DecidingFigures | None = None
    """None without. The figures above are of its last step, in a run's own test of its first."""


@dataclass(frozen=True)
class RecipeFigures:
    """The recipe, with examples."""

    name: str
    description: str
    templates: list[str]
    prompts: list[str]


@dataclass(frozen=True)
class PoolFigures:
    """How images reached training."""

    capacity: int
    policy: str
    blocks: int
    sharing: str
    sharing_measured: Mapping[str, float]


@dataclass(frozen=True)
class Throughput:
    """Images for each second, of the process that ended the run; 0 where none were left to do."""

    images_per_second: float
    """Generated, or read."""
    train_images_per_second: float


@dataclass(frozen=True)
class TrainingFigures:
    """How the classifier was trained."""

    epochs: int
    replay_ratio: float
    loss: list[float]
    accuracy: list[float | None]
    teacher: str | None
    batch_norm_data: str | None


@dataclass(frozen=True)
class RunSummary:
    """What a finished run came to: the content of `metrics.json`."""

    name: str
    created: str
    zeroreal: str
    command: str
    classes: list[str]
    recipe: RecipeFigures | None
    """None where the images are a dataset's, as are the other figures of generating."""
    model: str | None
    classifier: str
    images: int
    rejected: list[int]
    """Samples left out because their image was blank or not finite."""
    images_per_class: int | None
    image_size: int
    steps: int | None
    scheduler: str | None
    seed: int
    device: str
    engine: str | None
    dtype: str | None
    batch_size: int | None
    vae_batch_size: int | None
    pool: PoolFigures
    time_budget: BudgetFigures | None
    test: TestFigures | None
    throughput: Throughput
    seconds: dict[str, float]
    """What each stage took."""
    peak_memory_bytes: int
    training: TrainingFigures
    environment: dict[str, str]
    elapsed_seconds: float
    dataset: str | None = None
    """What the images were read from; None where they were generated."""
    unet: str | None = None
    """Whose steps those were: `own`, `few-step` or a folder; None where an export was taken."""
    baselines: tuple[BaselineFigures, ...] = ()
    """What classified the same images without training."""
    sampled_features: SampledFeatures | None = None
    selection: SelectionFigures | None = None
    """Which images were trained on, of those that were made; None where all were."""

    def content(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        content = asdict(self)
        if self.test is not None:
            content["test"] = test_content(self.test)
        return content

    def text(self) -> str:
        """The text of `metrics.json`."""
        return json.dumps(self.content(), indent=2, ensure_ascii=False) + "\n"


def summary_of(content: Mapping[str, Any]) -> RunSummary:
    """The summary that `metrics.json` holds."""
    content = copy.deepcopy(dict(content))
    for row in content["test"]["per_class"] if content["test"] else []:
        row["class_name"] = row.pop("class")
    return TypeAdapter(RunSummary).validate_python(content)


def test_content(figures: TestFigures) -> dict[str, Any]:
    """The figures of a test as plain values, for JSON."""
    content = asdict(figures)
    for name in ("confidence", "deciding"):
        if content[name] is None:
            del content[name]
    for row in content["per_class"]:
        row["class"] = row.pop("class_name")
    return content


def test_figures(counts: Evaluation, source: str, classes: tuple[str, ...]) -> TestFigures:
    """The figures that the counts of a test on `source` come to."""
    content = counts.summary(classes)
    rows = tuple(
        ClassFigures(
            row["class"], row["images"], row["accuracy"], row["interval"] and tuple(row["interval"])
        )
        for row in content["per_class"]
    )
    return TestFigures(
        source,
        content["images"],
        content["accuracy"],
        counts.interval,
        content["chance"],
        rows,
        content["confusion"],
    )


def summarize(
    parts: Parts,
    trained: Trained,
    test: TestFigures | None,
    budget: BudgetPlan | None,
    folder: Path,
    seconds: dict[str, float],
    elapsed: float,
) -> RunSummary:
    """The summary of a finished run whose stages took `seconds`, and all of it `elapsed`."""
    settings, device = parts.settings, parts.source.device
    facts = None if isinstance(parts.source, StoredImages) else parts.source.facts
    versions = describe_environment(device)
    return RunSummary(
        name=folder.name,
        created=datetime.now().astimezone().isoformat(timespec="seconds"),
        zeroreal=versions.get("zeroreal", "unknown"),
        command=shlex.join(["zeroreal", *sys.argv[1:]]),
        classes=list(parts.names),
        recipe=_recipe(parts),
        model=str(facts.folder) if facts else None,
        classifier=settings.classifier,
        images=parts.feed.images,
        rejected=[spec.index for spec in parts.source.rejected],
        images_per_class=settings.images_per_class if facts else None,
        image_size=parts.image_size,
        steps=settings.generate.steps if facts else None,
        scheduler=facts.scheduler if facts else None,
        seed=settings.seed,
        device=versions["device"],
        engine=facts.engine if facts else None,
        dtype=facts.dtype_name if facts else None,
        batch_size=facts.batch_size if facts else None,
        vae_batch_size=facts.vae_batch_size if facts else None,
        pool=_pool(parts),
        time_budget=None if budget is None else budget_figures(budget, settings.time_budget or 0.0),
        test=test,
        throughput=Throughput(parts.feed.images_per_second, trained.samples / seconds["train"]),
        seconds={stage: round(value, 3) for stage, value in seconds.items()},
        peak_memory_bytes=peak_memory_bytes(device),
        training=_training(parts, trained),
        environment=versions,
        elapsed_seconds=round(elapsed, 3),
        dataset=settings.images,
        unet=facts.unet if facts else None,
        selection=trained.selection,
    )


def _recipe(parts: Parts) -> RecipeFigures | None:
    if (recipe := parts.recipe) is None:
        return None
    return RecipeFigures(
        recipe.name,
        recipe.description,
        list(dict.fromkeys(leaf.prompt or leaf.prompts for leaf in recipe.leaves)),
        [spec.prompt for spec in parts.plan[:_EXAMPLES]],
    )


def _pool(parts: Parts) -> PoolFigures:
    sharing = parts.feed.sharing
    return PoolFigures(
        parts.pool.capacity,
        parts.settings.pool.policy,
        len(parts.feed.blocks),
        sharing.mode,
        sharing.relative,
    )


def _training(parts: Parts, trained: Trained) -> TrainingFigures:
    return TrainingFigures(
        len(trained.epochs),
        trained.replay_ratio,
        [epoch.loss for epoch in trained.epochs],
        [epoch.accuracy for epoch in trained.epochs],
        parts.settings.gap.teacher,
        parts.settings.gap.batch_norm_data,
    )
