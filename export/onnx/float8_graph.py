"""An exported graph with layers in 8-bit floats, as QuantizeLinear and DequantizeLinear.

TensorRT computes a convolution or matrix product in 8 bits where both operands come out of a
DequantizeLinear; weights are stored in 8 bits before it, the nodes of activations go into what
computes these. ONNX Runtime's quantiser writes the nodes. It would find scales by the standard
deviation, so that anything beyond 4.5 of these is cut off: they are given to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .float8 import Scales
from .quiet import quiet

if TYPE_CHECKING:
    import onnx

_OPERATORS = ("Conv", "MatMul", "Gemm")
_INLINE = 1024  # bytes of a tensor that is kept in the graph's own file


def write_fp8(path: Path, scales: Mapping[str, Scales]) -> None:
    """Put the layers named in `scales` of the float16 graph at `path` into 8 bits, in place.

    A layer is what `write_onnx` named after its module.
    """
    import onnx
    from onnxruntime.quantization import QDQQuantizer, QuantType
    from onnxruntime.quantization.calibrate import CalibrationMethod, TensorsData

    model = onnx.load(path)
    nodes = _nodes(model.graph, scales)
    given = _given(nodes, scales)
    kind = QuantType.QFLOAT8E4M3FN
    # Ranges that nothing is made of: the quantiser wants them beside scales.
    ranges = {node.input[0]: (np.float32(-1), np.float32(1)) for node in nodes.values()}
    with quiet():
        quantizer = QDQQuantizer(
            *(model, False, False, kind, kind),
            TensorsData(CalibrationMethod.MinMax, ranges),
            [node.name for node in nodes.values()],
            [],
            list(_OPERATORS),
            {
                "TensorQuantOverrides": {name: _override(scale) for name, scale in given.items()},
                "QuantizeBias": False,
                "OpTypesToExcludeOutputQuantization": list(_OPERATORS),
            },
        )
        quantizer.quantize_model()
    quantizer.model.topological_sort()
    _save(quantizer.model.model, path)


def _nodes(graph: onnx.GraphProto, scales: Mapping[str, Scales]) -> dict[str, onnx.NodeProto]:
    """The node of each layer that multiplies by its weights."""
    weights = {tensor.name for tensor in graph.initializer}
    found = {}
    for node in graph.node:
        layer = node.name.rpartition("/")[0]
        if layer in scales and node.op_type in _OPERATORS and node.input[1] in weights:
            assert layer not in found, f"{layer} multiplies by weights more than once"
            found[layer] = node
    assert set(found) == set(scales), f"no node for {sorted(set(scales) - set(found))}"
    return found


def _given(nodes: Mapping[str, onnx.NodeProto], scales: Mapping[str, Scales]) -> dict[str, float]:
    """The scale of every tensor that goes into the nodes."""
    given: dict[str, float] = {}
    for layer, node in nodes.items():
        pair = (scales[layer].activations, scales[layer].weights)
        for name, scale in zip(node.input, pair, strict=False):
            # What several layers are given has one range.
            assert given.setdefault(name, scale) == scale, f"two scales for {name}"
    return given


def _override(scale: float) -> list[dict[str, Any]]:
    import ml_dtypes
    from onnxruntime.quantization import QuantType

    return [
        {
            "scale": np.array(scale, np.float16),
            "zero_point": np.array(0, ml_dtypes.float8_e4m3fn),
            "quant_type": QuantType.QFLOAT8E4M3FN,
        }
    ]


def _save(model: onnx.ModelProto, path: Path) -> None:
    """Write the graph with the types of all its values, its weights beside it as before."""
    import onnx

    data = Path(f"{path}.data")
    data.unlink()  # onnx appends
    readers = path.stat().st_mode  # it lets nobody else read the weights
    onnx.save(
        model,
        path,
        save_as_external_data=True,
        location=data.name,
        size_threshold=_INLINE,
    )
    data.chmod(readers)
    described = onnx.shape_inference.infer_shapes(onnx.load(path, load_external_data=False))
    path.write_bytes(described.SerializeToString(deterministic=True))
