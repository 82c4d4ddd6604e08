"""What TensorRT says while it builds: errors, memory, and the layers that it made of the graph."""

from __future__ import annotations

import re

from .report import Layer

_PRECISIONS = {"Float": "fp32", "Half": "fp16", "BFloat16": "bf16"}
_NODE = re.compile(r"\[ONNX Layer: ([^\]]*)\]")
_OUTPUTS = re.compile(r"Outputs: \[ (.*?) \}\]")
_LAYER = re.compile(r"Name: (.*?), LayerType: (\w+),")
_ERROR = re.compile(r"Error Code \d+: [^(]*\((?:\[[^\]]*\] )?(.+?)\.? In \w+ at /")
_TOTAL = re.compile(r"Total (Activation|Weights) Memory: (\d+) bytes")


class BuildLog:
    """Keeps what matters of all that TensorRT says during a build."""

    def __init__(self) -> None:
        self.errors: list[str] = []
        self.layers: tuple[Layer, ...] = ()
        self.bytes: dict[str, int] = {}
        """Memory for `Activation` and `Weights`."""

    def __call__(self, severity: str, message: str) -> None:
        """Take one message; a `Listener`."""
        if "ERROR" in severity:
            self.errors.append(plain_error(message))
        elif total := _TOTAL.search(message):
            self.bytes[total[1]] = int(total[2])
        elif "LayerType: " in message:
            self.layers = _layers(message)


def plain_error(message: str) -> str:
    """An error message on one line, without the places in TensorRT's own source."""
    text = " ".join(message.split())
    told = _ERROR.search(text)
    return (told[1] if told else text)[:300]


def _layers(text: str) -> tuple[Layer, ...]:
    """The layers in TensorRT's listing, a line each, without those that only wait or signal."""
    layers = (_layer(line) for line in text.splitlines())
    return tuple(layer for layer in layers if layer is not None)


def _layer(line: str) -> Layer | None:
    name, outputs = _LAYER.search(line), _OUTPUTS.search(line)
    if name is None or outputs is None:
        return None
    precision = re.findall(r"Datatype: (\w+)", outputs[1])[0]
    shapes = re.findall(r"Dimensions: \[([-\d,]*)\]", outputs[1])
    return Layer(
        name=name[1],
        type=name[2],
        precision=_PRECISIONS.get(precision, precision.lower()),
        shapes=tuple(tuple(int(size) for size in shape.split(",") if size) for shape in shapes),
        nodes=tuple(_NODE.findall(line)),
    )
