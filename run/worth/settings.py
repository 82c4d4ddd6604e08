"""What decides a learning curve on real images. Free of PyTorch, for the command's help."""

from __future__ import annotations

from dataclasses import dataclass

from ...base.errors import InputError
from ...base.settings import option, section
from ...data.settings import ReadSettings


@dataclass(frozen=True)
class WorthSettings:
    """How the classifier of a run is trained on real images, to compare.

    Raises `InputError` for values out of range.
    """

    data: str | None = option(None, shown="must be given")
    """Labelled real images that are not those of the run's test: a folder with a sub-folder a
    class, a Parquet file or WebDataset shards. Half of them train, half tell how well."""
    least: int = 20
    """Images of each class in the smallest training set; others have twice as many each."""
    trainings: int = 3
    """With each number of images, each on other images and with another seed."""
    updates: int | None = option(None, shown="as many as the run's training took")
    """Of the weights, in every training: fewer make few real images look worse than they are."""
    device: str = "auto"
    """Where to train: auto, cpu, cuda or cuda:N."""
    reading: ReadSettings = section(ReadSettings, panel="Reading images")

    def __post_init__(self) -> None:
        for name in ("least", "trainings", "updates"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"{name} is {value}: at least 1 is needed")
