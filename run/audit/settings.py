"""What decides an audit. Free of PyTorch, so that the command's help is."""

from __future__ import annotations

from dataclasses import dataclass

from ...assets.embedded import EMBEDDED_CLASSES
from ...base.errors import InputError
from ...base.settings import option, section
from ...data.settings import ReadSettings
from ...generate.plan.classes import class_entries, parse_classes
from ...generate.settings import GenerateSettings
from ..encoder_name import encoder_for

CANDIDATES = (
    "base",
    "class-prompt",
    "multi-domain",
    "random-guidance",
    "merged",
    "base,guidance=2",
)


@dataclass(frozen=True)
class AuditSettings:
    """Which candidates are compared, by how many images, and with what.

    Raises `InputError` for values out of range.
    """

    candidates: tuple[str, ...] = option(
        CANDIDATES, is_argument=True, shown="the recipes that ship, and guidance 2"
    )
    """What to compare: a recipe and, after commas, settings of generating that differ, such as
    random-guidance,steps=8 or base,guidance=1:3,model=FOLDER; images=DATASET is one that is there
    already."""
    classes: tuple[str, ...] = option(
        EMBEDDED_CLASSES, read=class_entries, shown="the embedded model's ten garments"
    )
    """Class names, comma-separated, or a file of them (.txt, .csv, .json, .yaml); each a name, or a
    name, a colon and what prompts call it."""
    images_per_class: int = option(200, short="-n")
    """Images of each class and candidate."""
    reference: str | None = None
    """Real images, whose labels are not looked at, to tell how much of them a candidate covers."""
    data: str | None = None
    """Labelled real images to validate on, not those of the final test: a classifier trained on
    each candidate is measured on them, and without --reference they serve as that, too."""
    captions: str | None = None
    """A caption corpus, a text file (or .gz) with one a line, to count class names and prompts
    in."""
    encoder: str | None = option(None, shown="embedded, for the embedded classes")
    """The dual encoder that looks at images and names: a folder that transformers or open_clip
    saved, a hub id, or embedded."""
    neighbours: int = 5
    """How many neighbours a real image's surroundings reach to, for coverage and its kin."""
    classifier: str = option("test_resnet", panel="Training")
    """A timm model's name: what is trained on each candidate where --data is given."""
    epochs: int = option(8, panel="Training")
    """How often it sees each image."""
    training_seeds: int = option(1, panel="Training")
    """How many times it is trained on each candidate, each with other initial weights."""
    seed: int = 0
    """Decides the images, and initial weights."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    generate: GenerateSettings = section(GenerateSettings, panel="Generation")
    reading: ReadSettings = section(ReadSettings, panel="Reading images")

    def __post_init__(self) -> None:
        if not self.candidates:
            raise InputError("there are no candidates to audit: name a recipe such as base")
        for name in ("images_per_class", "neighbours", "epochs", "training_seeds"):
            if (value := getattr(self, name)) < 1:
                raise InputError(f"{name.replace('_', ' ')} is {value}: at least 1 is needed")
        if not 0 <= self.seed < 2**64:
            raise InputError(f"seed {self.seed} is outside 0..2^64-1: choose one inside")

    @property
    def encoder_name(self) -> str:
        """The encoder that is used.

        Raises `InputError` where none was given and the one that ships knows nothing of the
        classes.
        """
        names = [item.name for item in parse_classes(self.classes)]
        return encoder_for(self.encoder, names, "--encoder")
