"""`zeroreal serve`: a classifier as an HTTP service."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ..run.serve.settings import ServeSettings
from .console import errors
from .options import with_options


@with_options(ServeSettings)
def serve(
    given: dict[str, Any],
    model: Annotated[
        Path,
        typer.Argument(help="The folder of a finished run, or a file deployed of one."),
    ],
) -> None:
    """Answer requests over HTTP by the Open Inference protocol, as Triton's clients send them.

    Ends by Ctrl-C (status 130) or a polite kill (0), once what is under way is answered.
    """
    import signal

    from ..base.settings import build
    from ..run import serve_run

    def ready(address: str) -> None:
        errors.print(f"{address} answers; Ctrl-C ends it", highlight=False, soft_wrap=True)

    if serve_run(model, build(ServeSettings, given), ready) is signal.SIGINT:
        raise KeyboardInterrupt
