"""`zeroreal doctor`: what this machine has."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from .console import output

_HEAD_SIZE = 64  # of Stable Diffusion 2.x and SDXL


def doctor(
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
) -> None:
    """Show the device, libraries and versions, and which engines and encoders serve or why not."""
    from ..base import describe_environment, resolve_device, resolve_precision
    from ..encoders import encoder_statuses
    from ..engine import engine_statuses
    from ..kernels import ATTENTION_BACKENDS, attention_not_supported_reasons, native_library_status

    target = resolve_device(device)
    precision = resolve_precision("auto", target)
    facts = Table(title="Machine")
    facts.add_column("what")
    facts.add_column("value")
    for name, value in describe_environment(target).items():
        facts.add_row(name, value)
    facts.add_row("precision", str(precision).removeprefix("torch."))
    output.print(facts)

    engines = Table(title="Engines and kernels")
    engines.add_column("name")
    engines.add_column("state")
    engines.add_column("why not")
    for status in engine_statuses(target):
        state = "usable" if status.usable else "not usable"
        engines.add_row(status.name, state, escape("; ".join(status.not_supported_reasons)))
    for backend in ATTENTION_BACKENDS:
        reasons = attention_not_supported_reasons(backend, target, precision, _HEAD_SIZE)
        state = "not usable" if reasons else "usable"
        engines.add_row(f"attention, {backend}", state, escape("; ".join(reasons)))
    for name, library in native_library_status().items():
        state = "loaded" if library.loaded else "not loaded"
        engines.add_row(f"native kernels, {name}", state, escape(library.reason or ""))
    output.print(engines)

    encoders = Table(title="Dual encoders")
    encoders.add_column("kind")
    encoders.add_column("state")
    encoders.add_column("why not")
    for kind in encoder_statuses():
        state = "usable" if kind.usable else "not usable"
        encoders.add_row(kind.name, state, escape("; ".join(kind.not_supported_reasons)))
    output.print(encoders)
