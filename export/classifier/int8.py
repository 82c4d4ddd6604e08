"""A classifier's ONNX file with weights and activations of its network in 8 bits.

Static quantisation by ONNX Runtime as pairs of QuantizeLinear and DequantizeLinear, a scale for
each channel of weights. What stands before and after the network stays as it is.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..onnx.quiet import quiet
from .files import describe
from .gate import Case, Comparison, compare
from .graph import INPUT, NETWORK
from .rewrites import rewrite_pooling
from .runners import onnx_runner, onnx_session
from .schemes import CPU, HEAVY, Scheme

if TYPE_CHECKING:
    import onnx

_FEW = 32  # images that calibrate in the first attempt
_BATCH = 16


@dataclass(frozen=True)
class Calibration:
    """One way of finding the ranges of activations, and what came of it."""

    method: str
    images: int
    comparison: Comparison
    """With PyTorch, on images that did not calibrate."""


def write_int8(
    source: Path,
    calibrating: NDArray[np.uint8],
    choosing: Case,
    path: Path,
    scheme: Scheme = CPU,
) -> tuple[Calibration, ...]:
    """Write the ONNX file `source` in 8 bits to `path`; what gave numbers, the chosen one first.

    Ranges are found by each of the scheme's methods on the images `calibrating`, and by the first
    on few of them; the file that agrees best on `choosing` is kept.
    """
    import onnx

    counts = dict.fromkeys((min(_FEW, len(calibrating)), len(calibrating)))
    ways = [(scheme.methods[0], count) for count in counts]
    ways += [(method, len(calibrating)) for method in scheme.methods[1:]]
    properties = {one.key: one.value for one in onnx.load(source).metadata_props}
    tried: list[tuple[Calibration, bytes]] = []
    with tempfile.TemporaryDirectory(prefix="zeroreal-") as folder, quiet():
        prepared = _prepared(source, Path(folder))
        for method, count in ways:
            model = _quantised(prepared, calibrating[:count], method, scheme)
            describe(model, properties)
            content = model.SerializeToString(deterministic=True)
            runner = onnx_runner(onnx_session(content, "the int8 file"))
            calibration = Calibration(method, count, compare(runner, choosing))
            tried.append((calibration, content))
    tried.sort(key=lambda one: one[0].comparison.merit, reverse=True)
    path.write_bytes(tried[0][1])
    best, *others = (calibration for calibration, _ in tried)
    return (best, *(one for one in others if isfinite(one.comparison.largest_difference)))


def quantised_share(path: Path) -> float:
    """Which share of the network's convolutions and matrix products take 8-bit operands."""
    import onnx

    graph = onnx.load(path).graph
    widened = {out for one in graph.node if one.op_type == "DequantizeLinear" for out in one.output}
    heavy = [one for one in graph.node if one.op_type in HEAVY and _is_network(one)]
    return sum(widened.issuperset(one.input[:2]) for one in heavy) / max(1, len(heavy))


class ImageReader:
    """Images for a calibrator, a few at a time: a `CalibrationDataReader`."""

    def __init__(self, images: NDArray[np.uint8]) -> None:
        self._batches = np.array_split(images, -(-len(images) // _BATCH))
        self._rest = iter(self._batches)

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[dict[str, NDArray[np.uint8]]]:
        while batch := self.get_next():
            yield batch

    def set_range(self, start_index: int, end_index: int) -> None:
        self._rest = iter(self._batches[start_index:end_index])

    def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
        batch = next(self._rest, None)
        return None if batch is None else {INPUT: batch}


def _prepared(source: Path, folder: Path) -> Path:
    """The file with batch normalisation and averages folded into convolutions, and shapes."""
    import onnx
    from onnxruntime.quantization import quant_pre_process

    path = folder / "prepared.onnx"
    quant_pre_process(str(source), str(path), skip_symbolic_shape=True)
    model = onnx.load(path)
    rewrite_pooling(model)
    onnx.save(onnx.shape_inference.infer_shapes(model), path)
    return path


def _excluded(path: Path, scheme: Scheme) -> list[str]:
    """The nodes that stay in floats: around the network, and convolutions of few channels."""
    import onnx

    graph = onnx.load(path).graph
    sizes = {one.name: one.dims for one in graph.initializer}
    return [
        one.name
        for one in graph.node
        if not _is_network(one)
        or (one.op_type == "Conv" and _channels(one, sizes) < scheme.least_channels)
    ]


def _channels(convolution: Any, sizes: Mapping[str, Sequence[int]]) -> int:
    """How many channels it takes."""
    groups = [one.i for one in convolution.attribute if one.name == "group"]
    return sizes[convolution.input[1]][1] * (groups[0] if groups else 1)


def _quantised(
    prepared: Path, images: NDArray[np.uint8], method: str, scheme: Scheme
) -> onnx.ModelProto:
    import onnx
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.calibrate import CalibrationMethod

    path = prepared.with_name("int8.onnx")
    quantize_static(
        str(prepared),
        str(path),
        ImageReader(images),
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=list(scheme.operators),
        per_channel=True,
        reduce_range=scheme.reduce_range,
        activation_type=QuantType[scheme.activations],
        weight_type=QuantType.QInt8,
        nodes_to_exclude=_excluded(prepared, scheme),
        calibrate_method=CalibrationMethod[method],
        # A batch at a time: all activations of all images would fill memory.
        extra_options={"CalibStridedMinMax": 1, **scheme.options},
    )
    model = onnx.load(path)
    _drop_unused_domains(model)
    return model


def _is_network(node: Any) -> bool:
    return bool(node.name.startswith(NETWORK))


def _drop_unused_domains(model: onnx.ModelProto) -> None:
    """Leave out the operator sets that ONNX Runtime names whether or not a node is of them."""
    used = {one.domain for one in model.graph.node}
    kept = [one for one in model.opset_import if one.domain in used]
    del model.opset_import[:]
    model.opset_import.extend(kept)
