"""Operations that a graph holds, and what they touch."""

from dataclasses import dataclass
from typing import Any

import torch
from torch.utils._python_dispatch import _disable_current_modes
from torch.utils._pytree import tree_leaves


@dataclass(frozen=True)
class Operation:
    """A call, what it gave when it was recorded, and the bytes that it reads and writes."""

    function: Any
    arguments: tuple
    options: dict
    result: Any
    accesses: list


class RecordedWork:
    """What a thread did while it recorded; a GPU does none of it until it is replayed.

    Memory that was there before is put back when recording ends, and new memory holds garbage.
    """

    def __init__(self):
        self.operations = []
        self._before = {}  # storages that were there, by address, and what was in them
        self._new = {}

    def will_write(self, tensor):
        """Keep what is in memory that the next operation writes."""
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in self._before and storage.data_ptr() not in self._new:
            self._before[storage.data_ptr()] = (storage, storage.clone())

    def made(self, storage):
        """Note memory that was allocated while recording."""
        self._new[storage.data_ptr()] = storage

    def add(self, *operation):
        self.operations.append(Operation(*operation))

    def end(self):
        with torch._C.DisableTorchFunction(), _disable_current_modes():
            for storage, before in self._before.values():
                storage.copy_(before)
            for storage in self._new.values():
                storage.fill_(255)
        self._before.clear()

    def replay(self, cuda):
        """Do it all again on the current stream, into the same memory."""
        with torch._C.DisableTorchFunction(), _disable_current_modes():
            for operation in self.operations:
                cuda.enqueue(operation.function.name(), operation.accesses)
                result = operation.function(*operation.arguments, **operation.options)
                old, new = tree_leaves(operation.result), tree_leaves(result)
                for kept, made in zip(old, new, strict=True):
                    if torch.is_tensor(kept) and kept.data_ptr() != made.data_ptr():
                        kept.copy_(made)
