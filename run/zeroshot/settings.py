"""What decides a classification without training. Free of PyTorch, as the command's help is."""

from __future__ import annotations

from dataclasses import dataclass

from ...base.errors import InputError, unknown
from ...base.settings import changed, option, section
from ...data.settings import ReadSettings
from ...encoders.settings import TEMPLATES
from ...generate.diffusion_classifier.settings import DiffusionClassifierSettings
from ...generate.plan.classes import class_entries

CLASSIFIERS = ("diffusion", "encoder")


@dataclass(frozen=True)
class ZeroshotSettings:
    """Labelled real images, and what classifies them without having been trained for it.

    Raises `InputError` for values out of range.
    """

    classifier: str | None = option(None, shown="encoder with --encoder, else diffusion")
    """diffusion: the class whose prompt lets the model that generates tell noise from the image;
    encoder: the class whose texts a dual encoder finds most like the image."""
    encoder: str | None = None
    """The dual encoder: a folder that transformers or open_clip saved, a hub id, or embedded."""
    classes: tuple[str, ...] | None = option(
        None, read=class_entries, shown="the run's, or the embedded model's ten garments"
    )
    """Class names, comma-separated, or a file of them (.txt, .csv, .json, .yaml); each a name, or a
    name, a colon and what prompts call it."""
    data: str | None = option(None, shown="the shipped ones, for the embedded classes")
    """Real images: a folder with a sub-folder a class, a Parquet file, WebDataset shards, or
    fashion-mnist."""
    images: int | None = option(None, shown="all")
    """Classify only so many of them, drawn evenly from the classes."""
    propose: int | None = option(None, shown="all classes")
    """How many candidates a run's classifier names for each image."""
    run: str | None = None
    """The folder of the finished run whose classifier proposes candidates."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    seed: int = 0
    """Decides the noise, and which images are taken where not all are."""
    diffusion: DiffusionClassifierSettings = section(
        DiffusionClassifierSettings, panel="Diffusion model"
    )
    reading: ReadSettings = section(ReadSettings, panel="Reading images")

    def __post_init__(self) -> None:
        if self.classifier not in (None, *CLASSIFIERS):
            raise unknown("classifier", self.classifier, CLASSIFIERS)
        if self.classifier == "encoder" and self.encoder is None:
            raise InputError(
                "classifier 'encoder' was given without one: name it with --encoder, such as "
                "--encoder embedded"
            )
        if self.encoder is not None:
            self._check_with_encoder()
        if self.images is not None and self.images < 1:
            raise InputError(f"images is {self.images}: at least 1 is needed")
        if not 0 <= self.seed < 2**64:
            raise InputError(f"seed {self.seed} is outside 0..2^64-1: choose one inside")
        if self.propose is not None and self.propose < 2:
            raise InputError(
                f"propose is {self.propose}: give at least 2 candidates to decide among"
            )
        if self.propose is not None and self.run is None:
            raise InputError(
                f"propose {self.propose} was given without a run to propose them: name a finished "
                "one with --run"
            )
        if self.run is not None and self.propose is None:
            raise InputError(
                f"run {self.run!r} was given, but nothing that it proposes: say how many "
                "candidates with --propose"
            )

    @property
    def templates(self) -> tuple[str, ...]:
        """Those that are used."""
        if self.encoder is None:
            return self.diffusion.templates
        return self.diffusion.template or TEMPLATES

    def _check_with_encoder(self) -> None:
        """Raise `InputError` for what an encoder has no use for."""
        if self.classifier == "diffusion":
            raise InputError(
                f"encoder {self.encoder!r} was given, but classifier 'diffusion': leave one of "
                "them out"
            )
        idle = sorted(changed(self.diffusion) - {"template", "engine"})
        idle += [name for name in ("propose", "run") if getattr(self, name) is not None]
        if idle:
            raise InputError(
                f"encoder {self.encoder!r} was given, and {idle[0].replace('_', ' ')}, which it "
                "has no use for: leave one of them out"
            )
