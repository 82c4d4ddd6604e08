"""What an audit came to, as its table, its file and its page tell it."""

from __future__ import annotations

import json
import shlex
import sys
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ...base.files import write_atomically
from ...base.settings import plain
from .agreement import Agreement
from .captions import CaptionCounts
from .figures import CandidateFigures, rank_correlation, recommended
from .names import NamePair, Senses
from .settings import AuditSettings

AUDIT = "audit.json"


@dataclass(frozen=True)
class AuditResult:
    """What was found of all candidates, the best first where they have a rank."""

    folder: Path
    settings: AuditSettings
    classes: tuple[str, ...]
    candidates: tuple[CandidateFigures, ...]
    reference: str | None
    reference_images: int
    real_agreement: Agreement | None
    """Of the encoder on the labelled real images, if there are any."""
    pairs: tuple[NamePair, ...]
    senses: tuple[Senses, ...]
    captions: CaptionCounts | None
    notes: tuple[str, ...]
    """What could not be told, and why."""
    command: str | None
    """That of the big run; None where nothing is recommended."""
    encoder: str
    environment: dict[str, str]
    seconds: float
    created: str
    validation_images: int = 0
    """Labelled real images that classifiers were tested on."""

    @property
    def best(self) -> CandidateFigures | None:
        """What is recommended; None where candidates have no rank, or none can be trusted."""
        return recommended(self.candidates)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What seems to be wrong with candidates, a sentence each."""
        told = [
            suspicion.sentence(one.name) for one in self.candidates for suspicion in one.suspicions
        ]
        for one in self.candidates:
            if not one.agreement.is_telling:
                told.append(
                    f"{one.name}: the encoder takes {one.agreement.share:.0%} of the images for "
                    "their class, too few to tell whether some class is another's: give an encoder "
                    "that knows the classes, or look at the images"
                )
        return tuple(told)

    @property
    def bound_note(self) -> str | None:
        """What the bounds of accuracies say and how they are made; None where there are none."""
        classifiers = sum(len(one.accuracies) for one in self.candidates)
        if not classifiers:
            return None
        return (
            "at least: what the accuracy is above on other images like these, with 95 % for all "
            f"{len(self.candidates)} candidates together and so for any that is chosen by them: "
            f"the binomial bound of {self.validation_images:,} images at risk 0.05 / "
            f"{classifiers}, by the number of classifiers (Occam's razor bound, Langford, JMLR 6, "
            "2005)"
        )

    @property
    def correlation(self) -> float | None:
        """Spearman's rank correlation of coverage, of equally many images, with accuracy."""
        rows = [
            (one.nearness.coverage, one.accuracy)
            for one in self.candidates
            if one.nearness is not None and one.accuracy is not None
        ]
        return rank_correlation(*zip(*rows, strict=True)) if rows else None

    @property
    def unknown_names(self) -> tuple[str, ...]:
        """The classes that no caption of the corpus has."""
        if self.captions is None:
            return ()
        return tuple(
            name
            for name, count in zip(self.classes, self.captions.by_class, strict=True)
            if not count
        )

    def content(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        best = self.best
        return {
            "command": shlex.join(["zeroreal", *sys.argv[1:]]),
            "created": self.created,
            "settings": plain(self.settings),
            "classes": list(self.classes),
            "encoder": self.encoder,
            "reference": self.reference,
            "reference_images": self.reference_images,
            "validation_images": self.validation_images,
            "candidates": [{**asdict(one), "accuracy": one.accuracy} for one in self.candidates],
            "recommended": None if best is None else best.name,
            "run": self.command,
            "accuracy_bound": self.bound_note,
            "warnings": list(self.warnings),
            "notes": list(self.notes),
            "correlation_of_coverage_and_accuracy": self.correlation,
            "encoder_on_real_images": None
            if self.real_agreement is None
            else asdict(self.real_agreement),
            "name_pairs": [asdict(one) for one in self.pairs],
            "senses": [asdict(one) for one in self.senses],
            "captions": None if self.captions is None else asdict(self.captions),
            "seconds": self.seconds,
            "environment": self.environment,
        }

    def write(self) -> None:
        """Write `content` as JSON."""
        text = json.dumps(self.content(), indent=2, ensure_ascii=False, allow_nan=False)
        write_atomically(self.folder / AUDIT, text.encode() + b"\n")


def now() -> str:
    """The time, as reports have it."""
    return datetime.now().astimezone().isoformat(timespec="seconds")
