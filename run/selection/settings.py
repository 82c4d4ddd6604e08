"""Which share of the images is trained on. Free of PyTorch, so that the command's help is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...base.errors import InputError
from ...base.settings import option
from ..encoder_name import encoder_for

_CLUSTERS = "clusters"
_HALF = 0.5


@dataclass(frozen=True)
class SelectionSettings:
    """Which of the images are trained on.

    Raises `InputError` for another way to choose them than by clusters, and for values out of
    range.
    """

    select: str | None = option(None, shown="all are trained on")
    """Train on a diverse share of the images, once all are there: clusters:N sorts each class into
    N clusters by a dual encoder and keeps most of those that are spread out and apart from others
    (arXiv 2401.04578)."""
    keep: float | None = option(None, shown=f"{_HALF}, with --select")
    """The share of each class that is kept, above 0 and up to 1."""
    select_encoder: str | None = option(None, shown="embedded, for the embedded classes")
    """The dual encoder of --select: a folder that transformers or open_clip saved, a hub id, or
    embedded."""

    def __post_init__(self) -> None:
        if self.select is not None and not _is_clusters(self.select):
            raise InputError(
                f"select is {self.select!r}: give clusters:N, N of them a class and at least 1, "
                "such as clusters:20"
            )
        if self.keep is not None and not 0 < self.keep <= 1:
            raise InputError(f"keep is {self.keep}: give a share above 0 and up to 1")

    @property
    def clusters(self) -> int:
        """How many clusters a class is sorted into; 0 where all images are trained on."""
        return 0 if self.select is None else int(self.select.partition(":")[2])

    @property
    def share(self) -> float:
        """How much of each class is kept."""
        return _HALF if self.keep is None else self.keep

    def encoder_name(self, classes: Sequence[str]) -> str:
        """The encoder for classes of these names.

        Raises `InputError` where none was given and the one that ships does not know them.
        """
        return encoder_for(self.select_encoder, classes, "--select-encoder")


def _is_clusters(text: str) -> bool:
    name, _, number = text.partition(":")
    is_number = number.isascii() and number.isdecimal() and len(number) < 10
    return name == _CLUSTERS and is_number and int(number) > 0
