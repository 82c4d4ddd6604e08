"""What a selection kept of a run's images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class KeptOf:
    """How many images there were, and were kept of these."""

    kept: int
    images: int

    def __str__(self) -> str:
        return f"{self.kept:,} of {self.images:,}"


@dataclass(frozen=True)
class SelectionFigures:
    """How images were selected, and what was kept."""

    select: str
    """As the user wrote it."""
    encoder: str
    """As the user named it."""
    total: KeptOf
    by_class: Mapping[str, KeptOf]
    by_domain: Mapping[str, KeptOf]
    """Images whose prompt has no domain are under an empty name; empty where none has one."""

    @property
    def text(self) -> str:
        """All of it in a line; of many classes that gave equally many images, each as one."""
        classes = list(self.by_class.values())
        if len(set(classes)) == 1:
            parts = [f"{classes[0]} of each class"]
        else:
            parts = [f"{name} {count}" for name, count in self.by_class.items()]
        parts += [f"{name or 'no domain'} {count}" for name, count in self.by_domain.items()]
        encoder = Path(self.encoder).name
        return f"kept {self.total} images by {self.select} of {encoder}: {', '.join(parts)}"


def counted(names: Iterable[str], is_kept: Iterable[bool]) -> dict[str, KeptOf]:
    """How many images of each name there are and were kept, names in order; none of '' alone."""
    images: Counter[str] = Counter()
    kept: Counter[str] = Counter()
    for name, one in zip(names, is_kept, strict=True):
        images[name] += 1
        kept[name] += one
    return {} if set(images) == {""} else {k: KeptOf(kept[k], images[k]) for k in sorted(images)}
