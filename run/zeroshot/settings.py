"""What decides a classification without training. Free of PyTorch, as the command's help is."""

from __future__ import annotations

from dataclasses import dataclass

from ...base.errors import InputError, unknown
from ...base.settings import changed, option, section
from ...data.settings import ReadSettings
from ...encoders.settings import TEMPLATES
from ...generate.diffusion_classifier.settings import DiffusionClassifierSettings
from ...generate.plan.classes import class_entries
from .weighing import WeighingSettings

GAUSSIANS = "gaussians"
CLASSIFIERS = ("diffusion", "encoder", GAUSSIANS)


@dataclass(frozen=True)
class ZeroshotSettings:
    """Labelled real images, and what classifies them without having been trained for it.

    Raises `InputError` for values out of range.
    """

    classifier: str | None = option(None, shown="encoder with --encoder, else diffusion")
    """diffusion: the class whose prompt lets the model that generates tell noise from the image;
    encoder: the class whose texts a dual encoder finds most like the image; gaussians: the class
    whose Gaussian, fitted to synthetic images in that encoder's space, is likeliest."""
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
    """The folder of the finished run whose classifier proposes candidates or, for gaussians, to
    whose images they are fitted."""
    synthetic: str | None = None
    """The dataset of synthetic images to fit gaussians to, any that zeroreal run --images takes."""
    synthetic_split: str | None = None
    """Which split of --synthetic, where there are several."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    seed: int = 0
    """Decides the noise, and which images are taken where not all are."""
    diffusion: DiffusionClassifierSettings = section(
        DiffusionClassifierSettings, panel="Diffusion model"
    )
    weighing: WeighingSettings = section(WeighingSettings)
    reading: ReadSettings = section(ReadSettings, panel="Reading images")

    def __post_init__(self) -> None:
        if self.classifier not in (None, *CLASSIFIERS):
            raise unknown("classifier", self.classifier, CLASSIFIERS)
        if self.classifier in ("encoder", GAUSSIANS) and self.encoder is None:
            raise InputError(
                f"classifier {self.classifier!r} was given without an encoder: name it with "
                "--encoder, such as --encoder embedded"
            )
        self._check_fitting()
        self._check_weighing()
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
        if self.run is not None and self.propose is None and self.classifier != GAUSSIANS:
            raise InputError(
                f"run {self.run!r} was given, but nothing that it proposes: say how many "
                "candidates with --propose"
            )

    @property
    def templates(self) -> tuple[str, ...]:
        """Those that are used."""
        if self.classifier == GAUSSIANS:
            return ()
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
        fits = self.classifier == GAUSSIANS
        idle = sorted(changed(self.diffusion) - ({"engine"} if fits else {"engine", "template"}))
        names = ("propose",) if fits else ("propose", "run")
        idle += [name for name in names if getattr(self, name) is not None]
        if idle:
            what = f"classifier {GAUSSIANS!r}" if fits else f"encoder {self.encoder!r}"
            raise InputError(
                f"{what} was given, and {idle[0].replace('_', ' ')}, which it has no use for: "
                "leave one of them out"
            )

    def _check_weighing(self) -> None:
        """Raise `InputError` for weights without several templates of an encoder."""
        given = self.weighing.prompt_weights
        if given is not None and (self.encoder is None or len(self.templates) < 2):
            raise InputError(
                f"prompt weights {given!r} were given, and not several templates of an encoder to "
                "weigh: give --encoder, and --template several times"
            )

    def _check_fitting(self) -> None:
        """Raise `InputError` unless gaussians, and only they, have one source of images."""
        if self.classifier == GAUSSIANS and (self.run is None) == (self.synthetic is None):
            many = "no" if self.run is None else "two sources of"
            raise InputError(
                f"classifier {GAUSSIANS!r} was given {many} synthetic images to fit to: name a "
                "finished run with --run, or a dataset with --synthetic"
            )
        if self.classifier != GAUSSIANS and self.synthetic is not None:
            raise InputError(
                f"synthetic images {self.synthetic!r} were given, but no classifier that is "
                f"fitted to them: add --classifier {GAUSSIANS}, or leave them out"
            )
        if self.synthetic_split is not None and self.synthetic is None:
            raise InputError(
                "--synthetic-split was given without --synthetic: leave it out, or name them"
            )
