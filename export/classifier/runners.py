"""Running a classifier's file, in ONNX Runtime or as a program of PyTorch."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ...base.errors import InputError
from ...base.memory import is_out_of_memory
from ...engine.onnxruntime.library import (
    PROVIDERS,
    load_cuda_libraries,
    onnxruntime_library,
    provider_not_supported_reasons,
)
from .description import REMEDY
from .graph import INPUT, OUTPUTS, REJECTED, Found, Runner


def onnx_session(model: bytes, where: str, provider: str = "cpu") -> Any:
    """A session of ONNX Runtime; `InputError`, which begins with `where`, if it cannot be made."""
    if reasons := provider_not_supported_reasons(provider):
        raise InputError(
            f"{where} cannot run on {provider!r}: {'; '.join(reasons)}: give --device cpu"
        )
    if provider != "cpu":
        load_cuda_libraries()
    library = onnxruntime_library()
    options = library.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 4
    providers = list(dict.fromkeys((PROVIDERS[provider], PROVIDERS["cpu"])))
    try:  # without falling back, which is printed and begins anew on the CPU
        return library.InferenceSession(model, options, providers=providers, enable_fallback=0)
    except Exception as error:  # ONNX Runtime has a class for each of its error codes
        reason = " ".join(str(error).split())[:300]
        raise InputError(f"{where} cannot be loaded by ONNX Runtime: {reason}") from None


def onnx_runner(session: Any) -> Runner:
    """What runs a session of a graph."""
    has = {one.name for one in session.get_outputs()}
    names = [OUTPUTS[0], *({REJECTED} & has)]

    def run(images: NDArray[np.uint8]) -> Found:
        found = session.run(names, {INPUT: images})
        return found[0], found[1] if len(found) > 1 else None

    return run


def checked_runner(run: Runner, classes: int, where: str) -> Runner:
    """`run` of a file that somebody else may have made.

    What it raises, or finds that are no probabilities of `classes`, is an `InputError`, which
    begins with `where`.
    """

    def checked(images: NDArray[np.uint8]) -> Found:
        try:
            probabilities, rejected = run(images)
        except Exception as error:  # each runtime has classes of its own
            if is_out_of_memory(error):  # no fault of the file
                raise
            reason = " ".join(str(error).split())[:300]
            raise InputError(f"{where} cannot be run ({reason}): {REMEDY}") from None
        wanted = (len(images), classes)
        if probabilities.shape != wanted or not np.isfinite(probabilities).all():
            raise InputError(f"{where} gives no probabilities of its {classes} classes: {REMEDY}")
        if rejected is not None and rejected.shape != wanted[:1]:
            raise InputError(f"{where} does not say of each picture if it is rejected: {REMEDY}")
        return probabilities, rejected

    return checked


def own_program_runner(path: Path) -> Runner:
    """What runs a program that this process wrote: loading one runs whatever it holds."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = torch.export.load(path).module()

    @torch.inference_mode()
    def run(images: NDArray[np.uint8]) -> Found:
        found = [one.numpy() for one in module(torch.from_numpy(images))]
        return found[0], found[len(OUTPUTS)] if len(found) > len(OUTPUTS) else None

    return run
