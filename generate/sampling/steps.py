"""How each denoising step calls the model: where guidance acts, how often the whole UNet runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...base import InputError

__all__ = ["Call", "guided_steps", "parse_interval", "plan_calls"]


@dataclass(frozen=True)
class Call:
    """How one step calls the model."""

    guided: bool
    """Whether guidance acts; without it, the conditional rows suffice."""
    full: bool = True
    """Whether the whole UNet runs; otherwise deep features of the last full step serve again."""
    is_first: bool = False
    """Whether the model's own UNet runs, before a distilled one takes over."""


def parse_interval(text: str) -> tuple[float, float]:
    """Two noise levels from `LOW:HIGH`; `InputError` for anything else."""
    try:
        low, high = map(float, text.split(":"))
    except ValueError:
        raise InputError(
            f"{text!r} is not a guidance interval: give two noise levels such as 0.3:5"
        ) from None
    return low, high


def guided_steps(noise_levels: Sequence[float], interval: tuple[float, float]) -> list[bool]:
    """Where guidance acts: at noise levels inside `interval` (arXiv 2404.07724).

    A noise level is the standard deviation of the noise relative to the signal. Raises `InputError`
    for an interval that is upside down or holds no step.
    """
    low, high = interval
    if not 0 <= low < high:
        raise InputError(
            f"guidance interval {low:g} to {high:g} is upside down: give two noise levels, the "
            "lower first, such as 0.3:5"
        )
    inside = [low <= level <= high for level in noise_levels]
    if not any(inside):
        raise InputError(
            f"guidance interval {low:g} to {high:g} holds no step: the noise levels here are "
            f"{noise_levels[0]:.3g} down to {noise_levels[-1]:.3g}"
        )
    return inside


def plan_calls(guided: Sequence[bool], full_every: int = 1, first: int = 0) -> list[Call]:
    """The call of every step, from where guidance acts and how often the whole UNet runs.

    The `first` ones are the model's own UNet's, where a distilled one takes the rest.

    A step that has guidance after one without runs in full, for its negative prompts have no deep
    features yet.
    """
    calls: list[Call] = []
    age, known = full_every, False
    for acts in guided:
        full = age >= full_every or (acts and not known)
        age, known = (1, acts) if full else (age + 1, known)
        calls.append(Call(acts, full, is_first=len(calls) < first))
    return calls
