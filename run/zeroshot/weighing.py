"""What decides the weights of templates. Free of PyTorch, so that the command's help is."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ...base.errors import InputError

ZPE = "zpe"


@dataclass(frozen=True)
class WeighingSettings:
    """How much each template counts, where several are given.

    Raises `InputError` for what is no weights.
    """

    prompt_weights: str | None = None
    """How much each --template counts in an encoder's mean: a number for each, comma-separated; or
    zpe, by how sure of some class the images to classify are (arXiv 2302.06235; labels are not
    looked at)."""
    pretraining: str | None = None
    """For zpe, images such as the encoder learnt from, to take off what texts have in common with
    all of them; without, the images to classify serve alone."""
    prompt_temperature: float = 1.0
    """For zpe: divides the scores; above 1, weights are more even."""

    def __post_init__(self) -> None:
        if not 0 < self.prompt_temperature < math.inf:
            raise InputError(
                f"prompt temperature is {self.prompt_temperature}: it must be above 0, and finite"
            )
        is_zpe = self.prompt_weights == ZPE
        if not is_zpe and (self.pretraining is not None or self.prompt_temperature != 1):
            flag = "--prompt-temperature" if self.pretraining is None else "--pretraining"
            raise InputError(
                f"{flag} was given, but no weights that it decides: add --prompt-weights {ZPE}"
            )
        if self.prompt_weights is not None and not is_zpe:
            _numbers(self.prompt_weights)

    @property
    def numbers(self) -> tuple[float, ...] | None:
        """The weights that were given; None where none were, or images decide."""
        given = self.prompt_weights
        return None if given in (None, ZPE) else _numbers(str(given))


def _numbers(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise InputError(
            f"prompt weights {text!r} are neither {ZPE!r} nor numbers: give such as 2,1,0.5"
        ) from None
