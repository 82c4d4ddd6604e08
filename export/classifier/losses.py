"""Which layers of a file in 8 bits lose most against the one in floats."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..onnx.quiet import quiet
from .graph import NETWORK
from .int8 import ImageReader

_IMAGES = 32
_LISTED = 3


def lossy_layers(
    source: Path, quantised: Path, images: NDArray[np.uint8]
) -> tuple[tuple[str, float], ...]:
    """The layers whose results are furthest from those in floats, the furthest first.

    Each with its ratio of signal to noise in decibels, by `onnxruntime.quantization`.
    """
    import onnx
    from onnxruntime.quantization import qdq_loss_debug

    activations = []
    with tempfile.TemporaryDirectory(prefix="zeroreal-") as folder, quiet():
        for number, path in enumerate((quantised, source)):
            shown = str(Path(folder) / f"{number}.onnx")
            qdq_loss_debug.modify_model_output_intermediate_tensors(str(path), shown)
            reader = ImageReader(images[:_IMAGES])
            activations.append(qdq_loss_debug.collect_activations(shown, reader))
        matched = qdq_loss_debug.create_activation_matching(*activations)
        ratios = qdq_loss_debug.compute_activation_error(matched)
    makers = {out: one.name for one in onnx.load(source).graph.node for out in one.output}
    found = [
        (makers[name], float(ratio["xmodel_err"]))
        for name, ratio in ratios.items()
        if "xmodel_err" in ratio and makers.get(name, "").startswith(NETWORK)
    ]
    return tuple(sorted(found, key=lambda one: one[1])[:_LISTED])
