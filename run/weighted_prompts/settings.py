"""What decides the prompts that are shown. Free of PyTorch, so that the command's help is."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ...base.errors import InputError
from ...base.settings import changed, option, section
from ...data.settings import ReadSettings
from ...generate.plan.settings import PlanSettings

ZPE = "zpe"
_PANEL = "Weights by images"


@dataclass(frozen=True)
class WeightedPromptsSettings(PlanSettings):
    """A plan, and images that weigh the domains of its recipe.

    Raises `InputError` for values out of range.
    """

    prompt_weights: str | None = option(None, shown="the recipe's", panel=_PANEL)
    """zpe: weigh the recipe's domains by how sure of some class real images are with the texts of
    each (arXiv 2302.06235)."""
    unlabelled: str | None = option(None, panel=_PANEL)
    """The real images for that, whose labels are not looked at: what is generated with the weights
    is no longer zero-shot."""
    pretraining: str | None = option(None, panel=_PANEL)
    """Images such as the encoder learnt from, to take off what texts have in common with all of
    them; without, --unlabelled serves alone."""
    prompt_temperature: float = option(1.0, panel=_PANEL)
    """Divides the scores; above 1, weights are more even."""
    encoder: str | None = option(None, shown="embedded, for the embedded classes", panel=_PANEL)
    """The dual encoder that looks at them: a folder that transformers or open_clip saved, a hub id,
    or embedded."""
    device: str = option("auto", panel=_PANEL)
    """auto, cpu, cuda or cuda:N."""
    reading: ReadSettings = section(ReadSettings, panel="Reading images")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.prompt_weights not in (None, ZPE):
            raise InputError(
                f"prompt weights {self.prompt_weights!r} are not {ZPE!r}: write numbers into the "
                "recipe, as its `weights`"
            )
        if self.prompt_weights == ZPE and self.unlabelled is None:
            raise InputError(
                f"prompt weights {ZPE!r} follow from real images, and none were given: name some, "
                "labels are not needed, with --unlabelled"
            )
        idle = {"unlabelled", "pretraining", "prompt_temperature", "encoder"} & changed(self)
        if idle and self.prompt_weights is None:
            raise InputError(
                f"--{min(idle).replace('_', '-')} was given, but no weights that it decides: add "
                f"--prompt-weights {ZPE}"
            )
        if not 0 < self.prompt_temperature < math.inf:
            raise InputError(
                f"prompt temperature is {self.prompt_temperature}: it must be above 0, and finite"
            )
