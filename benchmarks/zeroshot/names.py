"""Names of contenders: `ours:torch/fp32` and `diffusers/fp32`, `encoder:torch`, `transformers`."""

from __future__ import annotations

from dataclasses import dataclass

from ...base import InputError, unknown
from ...export.engines.choice import VARIANTS
from ..generation.contender import CHANNELS_LAST, COMPILED, DIFFUSERS, OURS, parse_contender

DIFFUSION, ENCODER = CASES = ("diffusion", "encoder")
TRANSFORMERS = "transformers"
ENCODER_ENGINES = ("torch", "torch:compiled", "onnxruntime")
_PEERS = (DIFFUSERS, CHANNELS_LAST, COMPILED)


@dataclass(frozen=True)
class ZeroshotName:
    """What classifies, taken apart."""

    text: str
    case: str
    """`diffusion` or `encoder`."""
    program: str
    """`ours`, or whose program it is."""
    engine: str = ""
    """Ours; empty for others."""
    precision: str = ""
    """Of the diffusion model; an encoder has that of its device."""
    batch_size: int | None = None
    """The one to take; None: the best."""

    @property
    def chooses_batch(self) -> bool:
        """Whether it splits images into batches itself, as our encoders do."""
        return self.case == ENCODER and self.program == OURS


def parse_name(text: str) -> ZeroshotName:
    """The contender called `text`; `InputError` for a part that is not known or not of this."""
    name, _, batch = text.partition("@")
    first, _, engine = name.partition(":")
    if name == TRANSFORMERS:
        return ZeroshotName(text, ENCODER, TRANSFORMERS, batch_size=_batch_size(text, batch))
    if first == ENCODER:
        if engine not in ENCODER_ENGINES:
            raise unknown("engine of encoders", engine, ENCODER_ENGINES)
        if "@" in text:
            raise InputError(f"{text!r} has a batch, which our encoders choose: leave it out")
        return ZeroshotName(text, ENCODER, OURS, engine)
    if first.partition("/")[0] not in (OURS, DIFFUSERS):
        known = (*_PEERS, *(f"{OURS}:{engine}" for engine in VARIANTS), TRANSFORMERS)
        raise unknown("contender", name, (*known, *(f"{ENCODER}:{one}" for one in ENCODER_ENGINES)))
    return _of_diffusion(text)


def _of_diffusion(text: str) -> ZeroshotName:
    """That which generates by the same name, without what is of generation alone."""
    given = parse_contender(text)
    if given.engine == "auto":
        raise unknown("engine", given.engine, VARIANTS)
    precision, _, options = text.partition("@")[0].partition("/")[2].partition("/")
    if options or given.vae_batch_size is not None:
        what = options or f"{given.vae_batch_size} images a batch of the VAE"
        raise InputError(
            f"contender {text!r} has {what}, which classifying has no use for: leave it out"
        )
    return ZeroshotName(text, DIFFUSION, given.program, given.engine, precision, given.batch_size)


def _batch_size(text: str, batch: str) -> int | None:
    if "@" not in text:
        return None
    if not batch.isdecimal() or not int(batch):
        raise InputError(f"{batch!r} is not a batch size for contender {text!r}: write @8")
    return int(batch)
