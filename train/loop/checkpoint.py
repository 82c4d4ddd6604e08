"""Checkpoints of a training: everything that it needs to go on to the bit, in safetensors files."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

from torch import Tensor

from ...base.errors import InputError
from ...base.files import write_atomically
from ...base.limits import CHECKPOINT_VALUES
from ...base.printable import short
from ...base.reading import parse_json
from ...base.sealed import DamagedFileError, read_sealed, sealed
from ..states import FORMAT, VERSION, check_state
from .identity import as_written, difference

__all__ = ["CheckpointFolder"]

_LG = logging.getLogger(__name__)

NEWEST = "checkpoint.safetensors"
PREVIOUS = "checkpoint-previous.safetensors"
_STATE = "state"
_TENSOR, _ITEMS = "tensor", "items"


class CheckpointFolder:
    """The newest checkpoint of one training, and the one before.

    A state is nested dicts and lists of tensors, numbers, strings, bools and None.

    Args:
        folder: that of the run, which exists.
        identity: what a state must agree with to be gone on from, by what to call it in a
            complaint: the model, the recipe. A setting of the recipe that a checkpoint lacks has
            its default there.
    """

    def __init__(self, folder: Path, identity: dict[str, Any]) -> None:
        self._newest, self._previous = folder / NEWEST, folder / PREVIOUS
        self._identity = as_written(identity)
        self._corrupt: set[Path] = set()

    def save(self, state: Any) -> None:
        """Write `state`; the newest checkpoint so far becomes the one before."""
        tensors: dict[str, Tensor] = {}
        packed = _pack(state, tensors)
        text = json.dumps({VERSION: FORMAT, "identity": self._identity, _STATE: packed})
        content = sealed(tensors, text)
        if self._newest.exists() and self._newest not in self._corrupt:
            self._newest.replace(self._previous)
        write_atomically(self._newest, content)
        self._corrupt.clear()

    def load(self) -> Any | None:
        """The newest state that is whole, its tensors on the CPU; None if there is none.

        A corrupt file is passed over, which is said. Raises `InputError` where every file is
        corrupt, and for a checkpoint of another training or of a format that this version does not
        know.
        """
        found = [path for path in (self._newest, self._previous) if path.exists()]
        for path in found:
            try:
                content, tensors = _read(path)
            except InputError:
                raise
            except (DamagedFileError, OSError, ValueError) as error:
                self._corrupt.add(path)
                reason = " ".join(str(error).split())[:200]
                _LG.warning(
                    "checkpoint %s is corrupt (%s): going on from the one before", path, reason
                )
                continue
            self._check(path, content)
            return _unpack(content[_STATE], tensors, path)
        if found:
            raise InputError(
                f"every checkpoint in {str(self._newest.parent)!r} is corrupt: remove "
                f"{' and '.join(path.name for path in found)} to train from the beginning"
            )
        return None

    def remove(self) -> None:
        """Remove the checkpoints, when they have served."""
        for path in (self._newest, self._previous):
            path.unlink(missing_ok=True)

    def _check(self, path: Path, content: Any) -> None:
        check_state(content, ("identity", _STATE), f"checkpoint {str(path)!r}")
        if other := difference(content["identity"], self._identity):
            raise InputError(
                f"checkpoint {str(path)!r} is of {other}: go on with that, or start a new run"
            )


def _read(path: Path) -> tuple[Any, dict[str, Tensor]]:
    file = read_sealed(path)
    if file.text is None:
        raise DamagedFileError("it has no digest")
    where = f"checkpoint {str(path)!r}"
    return parse_json(file.text, where, values=CHECKPOINT_VALUES), file.tensors


def _pack(value: Any, tensors: dict[str, Tensor]) -> Any:
    """`value` for JSON, its tensors replaced by their names in `tensors`."""
    if isinstance(value, Tensor):
        name = str(len(tensors))
        # A copy: two tensors of a state may share memory, which the file format forbids.
        tensors[name] = value.detach().cpu().clone().contiguous()
        return {_TENSOR: name}
    if isinstance(value, dict):  # as items, for keys need not be strings
        return {_ITEMS: [[key, _pack(item, tensors)] for key, item in value.items()]}
    if isinstance(value, list | tuple):
        return [_pack(item, tensors) for item in value]
    return value


def _unpack(value: Any, tensors: dict[str, Tensor], path: Path) -> Any:
    """What `_pack` made JSON of, with its tensors."""
    if isinstance(value, dict):
        named = value.get(_TENSOR)
        if isinstance(named, str) and named in tensors:
            return tensors[named]
        where = f"checkpoint {str(path)!r}, in its state,"
        check_state(value, (_ITEMS,), where)
        if not _are_items(value[_ITEMS]):
            raise InputError(
                f"{where} has {short(value[_ITEMS])} where keys with their values belong: remove it"
            )
        return {key: _unpack(item, tensors, path) for key, item in value[_ITEMS]}
    if isinstance(value, list):
        return [_unpack(item, tensors, path) for item in value]
    return value


def _are_items(found: Any) -> bool:
    """Whether these are pairs, the first of each a key."""
    return isinstance(found, list) and all(
        isinstance(pair, list) and len(pair) == 2 and not isinstance(pair[0], list | dict)
        for pair in found
    )
