"""What TensorRT says while it builds: errors, memory, and the layers that it made of the graph."""

from __future__ import annotations

import re
from math import prod

from .report import Layer

_PRECISIONS = {"Float": "fp32", "Half": "fp16", "BFloat16": "bf16"}
_NODE = re.compile(r"\[ONNX Layer: ([^\]]*)\]")
_INPUT = re.compile(r"Inputs: \[ .*?Datatype: (\w+)")
_CONSTANTS = re.compile(r"Constants: \[ (.*?) \}\], Outputs")
_CONSTANT = re.compile(r"Dimensions: \[([-\d,]*)\].*?Datatype: (\w+)")
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
        precision=_plain(precision),
        shapes=tuple(_sizes(shape) for shape in shapes),
        nodes=tuple(_NODE.findall(line)),
        operands=_operands(line),
    )


def _operands(line: str) -> tuple[str, ...]:
    """Precisions of the first input and the largest constant, of those that there are."""
    first, constants = _INPUT.search(line), _CONSTANTS.search(line)
    found = [] if first is None else [first[1]]
    if constants is not None:
        sized = [(prod(_sizes(shape)), kind) for shape, kind in _CONSTANT.findall(constants[1])]
        found.append(max(sized)[1])
    return tuple(_plain(precision) for precision in found)


def _sizes(shape: str) -> tuple[int, ...]:
    return tuple(int(size) for size in shape.split(",") if size)


def _plain(precision: str) -> str:
    return _PRECISIONS.get(precision, precision.lower())
