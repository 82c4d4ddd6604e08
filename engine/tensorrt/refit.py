"""Other weights for a plan that is on the GPU."""

from __future__ import annotations

from typing import Any

import torch

from ...base.errors import InputError
from ..graph import GraphFile
from .build_log import BuildLog
from .library import listening, tensorrt_library, tensorrt_log
from .report import BuildReport

__all__ = ["refit"]

_MOST_NAMED = 5


def refit(engine: Any, report: BuildReport, graph: GraphFile) -> None:
    """Put the weights of `graph` into `engine`, on the current device; waits for the device.

    Raises `InputError` for a plan that cannot be refitted, a graph of another architecture than
    that of `report`, and one that lacks weights.
    """
    if not report.refittable:
        raise InputError(
            f"the plan of {report.graph} holds other weights than {str(graph.path)!r} and cannot "
            "take them: build one for them, or one that can be refitted"
        )
    if graph.structure_digest != report.structure_digest:
        raise InputError(
            f"{str(graph.path)!r} is not of the architecture that the plan of {report.graph} was "
            "built for: build one for it"
        )
    library, messages = tensorrt_library(), BuildLog()
    with listening(messages):
        torch.cuda.synchronize()
        refitter = library.Refitter(engine, tensorrt_log())
        parser = library.OnnxParserRefitter(refitter, tensorrt_log())
        taken = parser.refit_from_file(str(graph.path))
        missing = refitter.get_missing_weights()
        if taken and not missing and refitter.refit_cuda_engine():
            return
    lacking = f"it lacks {', '.join(missing[:_MOST_NAMED])}" if missing else ""
    reasons = "; ".join(filter(None, (lacking, *messages.errors[:1]))) or "no reason given"
    raise InputError(
        f"the plan of {report.graph} cannot take the weights of {str(graph.path)!r} ({reasons}): "
        "build one for them"
    )
