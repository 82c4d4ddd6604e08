"""What the waterfall is asked for."""

from __future__ import annotations

from dataclasses import dataclass

from ...base.settings import option


@dataclass(frozen=True)
class WaterfallSettings:
    """Which rows, of which model, generating what, and how often."""

    rows: tuple[str, ...] = option((), is_argument=True, shown="all")
    """Names of rows, such as channels-last; the first is what the others are compared to."""
    model: str | None = option(None, shown="the embedded model")
    """A diffusers folder or hub id."""
    random_weights: str | None = option(None, shown="none")
    """In place of a model: an architecture, such as sd15."""
    generate_size: int | None = option(None, shown="the model's own")
    """Side in pixels of generation."""
    steps: int = 12
    """Denoising steps, until there are fewer."""
    scheduler: str | None = option(None, shown="the model's own")
    """A diffusers scheduler's class name."""
    guidance: str = "on"
    """on (7.5 for all images), off, or recipe."""
    recipe: str = "base"
    """Of the prompts."""
    images: int = 128
    """Images in each round."""
    batch_size: int | None = option(None, shown="the best of each row")
    """Images of a batch in all rows; without it each row's best is searched, which takes a while
    where each is compiled anew."""
    rounds: int = 5
    """How often each row generates all images."""
    interleaved: bool | None = option(None, shown="where memory holds all")
    """Hold all rows in memory and let them take turns, not one row after the other."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
