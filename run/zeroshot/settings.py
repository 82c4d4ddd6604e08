"""What decides a classification without training. Free of PyTorch, as the command's help is."""

from __future__ import annotations

from dataclasses import dataclass

from ...base.errors import InputError, unknown
from ...base.settings import option, section
from ...data.settings import ReadSettings
from ...generate.diffusion_classifier.settings import DiffusionClassifierSettings
from ...generate.plan.classes import class_entries

CLASSIFIERS = ("diffusion",)


@dataclass(frozen=True)
class ZeroshotSettings:
    """Labelled real images, and what classifies them without having been trained for it.

    Raises `InputError` for values out of range.
    """

    classifier: str = "diffusion"
    """diffusion: the class whose prompt lets the model that generates tell noise from the image."""
    classes: tuple[str, ...] | None = option(
        None, read=class_entries, shown="the run's, or the embedded model's ten garments"
    )
    """Class names, comma-separated, or a file of them (.txt, .csv, .json, .yaml); each a name, or a
    name, a colon and what prompts call it."""
    data: str | None = option(None, shown="the shipped ones, for the embedded classes")
    """Real images: a folder with a sub-folder a class, a Parquet file, WebDataset shards, or
    fashion-mnist."""
    images: int | None = option(None, shown="all")
    """Classify only so many of them, drawn evenly from the classes."""
    propose: int | None = option(None, shown="all classes")
    """How many candidates a run's classifier names for each image."""
    run: str | None = None
    """The folder of the finished run whose classifier proposes candidates."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    seed: int = 0
    """Decides the noise, and which images are taken where not all are."""
    diffusion: DiffusionClassifierSettings = section(
        DiffusionClassifierSettings, panel="Diffusion model"
    )
    reading: ReadSettings = section(ReadSettings, panel="Reading images")

    def __post_init__(self) -> None:
        if self.classifier not in CLASSIFIERS:
            raise unknown("classifier", self.classifier, CLASSIFIERS)
        if self.images is not None and self.images < 1:
            raise InputError(f"images is {self.images}: at least 1 is needed")
        if not 0 <= self.seed < 2**64:
            raise InputError(f"seed {self.seed} is outside 0..2^64-1: choose one inside")
        if self.propose is not None and self.propose < 2:
            raise InputError(
                f"propose is {self.propose}: give at least 2 candidates to decide among"
            )
        if self.propose is not None and self.run is None:
            raise InputError(
                f"propose {self.propose} was given without a run to propose them: name a finished "
                "one with --run"
            )
        if self.run is not None and self.propose is None:
            raise InputError(
                f"run {self.run!r} was given, but nothing that it proposes: say how many "
                "candidates with --propose"
            )
