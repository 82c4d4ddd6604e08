"""Reading a classifier from an ONNX or OpenVINO file of ours, to predict with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...base.errors import InputError
from ...base.limits import MODEL_BYTES
from ...base.reading import read_bytes
from .description import REMEDY, Description, description_of
from .files import DIGEST, model_digest
from .graph import INPUT, OUTPUTS, REJECTED, Runner
from .openvino_ir import read_openvino
from .runners import checked_runner, onnx_runner, onnx_session

_AT_ONCE = 64


@dataclass(frozen=True)
class DeployedClassifier:
    """A classifier that was loaded from a file."""

    card: Description
    run: Runner

    def predict(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """Class probabilities, float32 `[N, K]`, of uint8 images `[N, S, S, 3]`, and rejections.

        Those say whether each image is none of the classes, bool `[N]`; None where a file does not.
        """
        parts = [self.run(chunk.numpy()) for chunk in images.contiguous().split(_AT_ONCE)]
        rejected = [torch.from_numpy(some) for _, some in parts if some is not None]
        probabilities = torch.cat([torch.from_numpy(some) for some, _ in parts])
        return probabilities, torch.cat(rejected) if rejected else None


def load_deployed(path: Path, provider: str = "cpu") -> DeployedClassifier:
    """The classifier in the file at `path`: OpenVINO's where its suffix is `.xml`, ONNX otherwise.

    Raises `InputError` for a file that cannot be read, is damaged, or that we did not write, and
    for a provider that cannot run it.
    """
    where = f"model {str(path)!r}"
    if path.suffix.lower() == ".xml":
        if provider != "cpu":
            raise InputError(f"{where} runs on the CPU, not on {provider!r}: give --device cpu")
        card, run = read_openvino(path)
        return DeployedClassifier(card, checked_runner(run, len(card.classes), where))
    try:
        import onnx
    except ImportError:
        raise InputError(
            f"{where} needs onnx, which is not installed: pip install 'zeroreal[onnx]'"
        ) from None
    try:
        content = read_bytes(path, "model", MODEL_BYTES)
    except OSError as error:
        raise InputError(f"{where} cannot be read ({error.strerror}): {REMEDY}") from None
    try:
        model = onnx.ModelProto.FromString(content)
        properties = {one.key: one.value for one in model.metadata_props}
        for text in (*properties.values(), *_names(model)):
            text.encode()  # what is no text is bytes here, which have no such method
    except Exception:  # of protobuf, which has classes for it in several places
        raise InputError(f"{where} is damaged or no ONNX file: {REMEDY}") from None
    card = description_of(properties, where)
    if properties.get(DIGEST) != model_digest(model):
        raise InputError(f"{where} has changed since it was written: deploy the run again")
    session = onnx_session(content, where, provider)
    _check_faces(session, card, where)
    run = checked_runner(onnx_runner(session), len(card.classes), where)
    return DeployedClassifier(card, run)


def _names(model: Any) -> list[str]:
    """Of what the graph of an ONNX model takes and gives."""
    return [one.name for one in (*model.graph.input, *model.graph.output)]


def _check_faces(session: Any, card: Description, where: str) -> None:
    """Raise `InputError` unless the graph takes and gives what ours do."""
    given = [(one.name, one.type) for one in session.get_inputs()]
    names = tuple(one.name for one in session.get_outputs())
    last = session.get_outputs()[0].shape[-1:]
    wanted = OUTPUTS if card.reject_score is None else (*OUTPUTS, REJECTED)
    if given != [(INPUT, "tensor(uint8)")] or names != wanted or last != [len(card.classes)]:
        raise InputError(
            f"{where} takes {given} and gives {', '.join(names)}: give one that zeroreal deploy "
            "wrote"
        )
