"""What decides a dataset. Free of PyTorch, so that the command's help is."""

from __future__ import annotations

from dataclasses import dataclass

from ....base.errors import InputError, unknown
from ....base.settings import option, section
from ....data.formats import IMAGE_FORMATS, SHARD_FORMATS
from ...filters.settings import check_least_agreement
from ...plan.settings import PlanSettings
from ...settings import GenerateSettings, devices_option

_FILES, _QUALITY = "Files", "Quality control"


@dataclass(frozen=True)
class DatasetSettings(PlanSettings):
    """A dataset: which images, made how, and written as what.

    Raises `InputError` for values out of range.
    """

    format: str = option("webdataset", panel=_FILES)
    """webdataset (tar files), parquet (images embedded), folder (one a class) or npy (arrays)."""
    image_format: str = option("jpg", panel=_FILES)
    """jpg, png or webp; npy holds pixels."""
    quality: int | None = option(None, shown="95 for jpg, 90 for webp", panel=_FILES)
    """Of jpg and webp, 1 to 100."""
    shard_size: int = option(10_000, panel=_FILES)
    """Images in a shard, which is the unit of work, of progress and of what a crash loses."""
    near_duplicates: int | None = option(None, shown="off", panel=_QUALITY)
    """Make images again whose perceptual hash differs in at most so many of 64 bits from that of an
    image of the same class in the same shard."""
    encoder: str | None = option(None, shown="off", panel=_QUALITY)
    """Make images again that do not agree with their class by this dual encoder, with the texts of
    all classes in the image's own domain: a folder that transformers or open_clip saved, a hub id,
    or embedded."""
    least_agreement: float | None = option(None, shown="1/N of N classes", panel=_QUALITY)
    """The probability of its own class that an image needs by --encoder."""
    most_attempts: int = option(8, panel=_QUALITY)
    """How often an image is made at most, until it passes the checks."""
    device: str = "auto"
    """Where to generate: auto, cpu, cuda or cuda:N."""
    devices: tuple[str, ...] = option((), read=devices_option, shown="one device")
    """Generate with one process on each of these, such as 0,1."""
    generate: GenerateSettings = section(GenerateSettings, panel="Generation")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.format not in SHARD_FORMATS:
            raise unknown("format", self.format, SHARD_FORMATS)
        if self.image_format not in IMAGE_FORMATS:
            raise unknown("image format", self.image_format, IMAGE_FORMATS)
        if self.quality is not None and not 1 <= self.quality <= 100:
            raise InputError(f"quality is {self.quality}: it must be 1 to 100")
        if self.quality is not None and (self.image_format == "png" or self.format == "npy"):
            where = "npy holds pixels" if self.format == "npy" else "png loses nothing"
            raise InputError(f"quality {self.quality} was given, but {where}: leave it out")
        for name in ("shard_size", "most_attempts"):
            if getattr(self, name) < 1:
                raise InputError(
                    f"{name.replace('_', ' ')} is {getattr(self, name)}: at least 1 is needed"
                )
        if self.near_duplicates is not None and not 0 <= self.near_duplicates < 64:
            raise InputError(
                f"near duplicates is {self.near_duplicates}: it must be 0 to 63 bits of the hash"
            )
        if self.least_agreement is not None:
            check_least_agreement(self.least_agreement)
            if self.encoder is None:
                raise InputError(
                    f"least agreement {self.least_agreement:g} was given, but nothing that tells "
                    "the agreement: name a dual encoder with --encoder"
                )
