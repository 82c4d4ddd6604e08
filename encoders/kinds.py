"""Which dual encoders can be loaded on this machine, and why others cannot."""

from __future__ import annotations

from dataclasses import dataclass

from ..base.errors import InputError
from .open_clip_folder import open_clip_library
from .transformers_folder import FAMILIES, SIGLIP, sentencepiece_reasons


@dataclass(frozen=True)
class EncoderStatus:
    """A kind of dual encoders and why it cannot be loaded; no reason means that it can."""

    name: str
    not_supported_reasons: tuple[str, ...]

    @property
    def usable(self) -> bool:
        return not self.not_supported_reasons


def encoder_statuses() -> list[EncoderStatus]:
    """The state of every kind, by its model type in `transformers`, and of `open_clip`'s."""
    import transformers

    known, statuses = set(dir(transformers)), []
    for kind, family in FAMILIES.items():
        reasons = sentencepiece_reasons() if kind == SIGLIP else ()
        if family.model not in known:
            reasons = (f"transformers {transformers.__version__} has no {family.model}",)
        statuses.append(EncoderStatus(kind, reasons))
    return [*statuses, _open_clip()]


def _open_clip() -> EncoderStatus:
    try:
        open_clip_library()
    except InputError as error:
        return EncoderStatus("open_clip", (str(error),))
    return EncoderStatus("open_clip", ())
