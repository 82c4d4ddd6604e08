"""Names of the throughput benchmark's contenders: `ours:onnxruntime/fp32`, `diffusers/bf16`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...base import InputError, unknown
from ...base.device import FP8, PRECISIONS
from ...export import parse_engine
from ...export.engines.choice import VARIANTS
from ...kernels import ATTENTION_BACKENDS
from ..accuracy.lever_settings import BASELINE, CHANGES, SIMULATED

OURS = "ours"
DIFFUSERS = "diffusers"
CHANNELS_LAST = "diffusers:channels-last"
COMPILED = "diffusers:compiled"
OPTIMUM_ONNXRUNTIME = "optimum:onnxruntime"
OPTIMUM_OPENVINO = "optimum:openvino"
PEERS = (DIFFUSERS, CHANNELS_LAST, COMPILED, OPTIMUM_ONNXRUNTIME, OPTIMUM_OPENVINO)
GRAPHS = "graphs"
UNFUSED = "unfused"
_FORM = "write ours:ENGINE/PRECISION or PEER/PRECISION, a peer being " + ", ".join(PEERS)
_OF_OPTIMUM_ONNXRUNTIME = ("fp32", "fp16")  # what its exporter knows
_LEVERS = tuple(name for name in CHANGES if name not in (BASELINE, *SIMULATED))


@dataclass(frozen=True)
class GeneratorName:
    """Which generator, taken apart."""

    text: str
    program: str
    """`ours`, or one of `PEERS`."""
    engine: str
    """Ours; empty for others."""
    precision: str
    attention: str = "auto"
    cuda_graphs: bool = False
    batch_size: int | None = None
    """The one to take; None: the best."""
    vae_batch_size: int | None = None
    """Ours; None: the same."""
    fused: bool = True
    """Ours; otherwise PyTorch's operations stand in for our kernels."""
    levers: tuple[str, ...] = ()
    """Ours; names of `CHANGES`."""

    @property
    def changes(self) -> dict[str, Any]:
        """What the levers change of `GenerateSettings`, the last where two change the same."""
        return {field: value for name in self.levers for field, value in CHANGES[name].items()}


def parse_contender(text: str) -> GeneratorName:
    """The contender called `PROGRAM/PRECISION[/OPTION]...[@BATCH[:VAE_BATCH]]`.

    Options of ours are a backend of attention, `graphs`, `unfused` and levers such as `4-steps`.

    Raises `InputError` for a part that is not known.
    """
    name, _, batch = text.partition("@")
    program, *parts = name.split("/")
    engine = ""
    if program.startswith(f"{OURS}:"):
        program, engine = OURS, program.removeprefix(f"{OURS}:")
        if engine != "auto":
            parse_engine(engine)
    if program not in (OURS, *PEERS) or (program == OURS and not engine):
        known = [*PEERS, *(f"{OURS}:{engine}" for engine in _engines())]
        raise unknown("contender", name, known)
    precision, *options = parts or [""]
    can = _OF_OPTIMUM_ONNXRUNTIME if program == OPTIMUM_ONNXRUNTIME else tuple(PRECISIONS)
    can = (*can, FP8) if engine == "torch:compiled" else can
    if precision not in can:
        raise InputError(f"contender {text!r} has no precision of {', '.join(can)}: {_FORM}")
    known_options = (GRAPHS, UNFUSED, *ATTENTION_BACKENDS, *_LEVERS) if program == OURS else ()
    for option in options:
        if option not in known_options:
            raise unknown(f"option of contender {text!r}", option, known_options or ("none",))
    batch_size, vae_batch_size = _batch_sizes(text, batch, program)
    return GeneratorName(
        text=text,
        program=program,
        engine=engine,
        precision=precision,
        attention=next((option for option in options if option in ATTENTION_BACKENDS), "auto"),
        cuda_graphs=GRAPHS in options,
        batch_size=batch_size,
        vae_batch_size=vae_batch_size,
        fused=UNFUSED not in options,
        levers=tuple(option for option in options if option in _LEVERS),
    )


def _batch_sizes(text: str, batch: str, program: str) -> tuple[int | None, int | None]:
    """The batch sizes after the `@` of `text`, the VAE's after a colon."""
    if "@" not in text:
        return None, None
    sizes = batch.split(":")
    most = 2 if program == OURS else 1
    if len(sizes) > most or not all(size.isdecimal() and int(size) for size in sizes):
        raise InputError(
            f"{batch!r} is not a batch size for contender {text!r}: write @8, for ours also @8:4 "
            "with the VAE's, or nothing for the best"
        )
    return int(sizes[0]), int(sizes[1]) if len(sizes) > 1 else None


def _engines() -> list[str]:
    named = [
        f"{backend}:{variant}" for backend, variants in VARIANTS.items() for variant in variants
    ]
    return ["auto", *VARIANTS, *named]
