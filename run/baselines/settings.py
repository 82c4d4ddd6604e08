"""Which baselines a run is compared with. Free of PyTorch, so that the command's help is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...base.errors import InputError, unknown
from ...base.settings import option
from ..encoder_name import encoder_for

GAUSSIANS = "gaussians"
BASELINES = ("encoder", GAUSSIANS)


def parse_baselines(text: str) -> tuple[str, ...]:
    """The baselines that a text such as `encoder,gaussians` names."""
    return tuple(name.strip() for name in text.split(","))


@dataclass(frozen=True)
class BaselineSettings:
    """What a run's classifier is compared with on the real test images.

    Raises `InputError` for names of none.
    """

    baseline: tuple[str, ...] = option((), read=parse_baselines)
    """Classify the test images without training, too, by one or more of: encoder, the class whose
    text a dual encoder finds most like the image; gaussians, the likeliest of Gaussians of the
    run's own images in that encoder's space."""
    baseline_encoder: str | None = option(None, shown="embedded, for the embedded classes")
    """The dual encoder of the baselines: a folder that transformers or open_clip saved, a hub id,
    or embedded."""

    def __post_init__(self) -> None:
        for name in self.baseline:
            if name not in BASELINES:
                raise unknown("baseline", name, BASELINES)
        if len(set(self.baseline)) < len(self.baseline):
            raise InputError(
                f"baselines {', '.join(self.baseline)} have one twice: leave it out once"
            )

    def encoder_name(self, classes: Sequence[str]) -> str:
        """The encoder for classes of these names.

        Raises `InputError` where none was given and the one that ships does not know them.
        """
        return encoder_for(self.baseline_encoder, classes, "--baseline-encoder")
