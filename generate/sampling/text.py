"""Text embeddings: one for each distinct prompt, kept on the device."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ...base.transfer import to_device
from ...engine import Engine

if TYPE_CHECKING:
    from transformers import CLIPTokenizer

_log = logging.getLogger(__name__)
_BATCH = 256
_LEAST_ROWS = 1024
_TABLE_BYTES = 2**28

Conditions = dict[str, Tensor]
"""What the denoiser takes of a prompt: `text_embeddings` `[B, tokens, channels]`, for SDXL also
`pooled` `[B, channels]`."""


class TextEmbeddings:
    """A table of text embeddings that encodes a prompt the first time it is asked for.

    The table is allocated once, for `most_rows` prompts; when it is full, the prompts that were not
    asked for for longest make room.

    Args:
        tokenizers: one for each text encoder.
        engine: the text encoder: token ids `[B, tokens]` to embeddings.
        dtype: of the embeddings handed out.
        empty_is_zero: an empty negative prompt has embeddings of zeros (SDXL).
        most_rows: by default as many as 256 MiB hold, and no fewer than 1,024.
    """

    def __init__(
        self,
        tokenizers: Sequence[CLIPTokenizer],
        engine: Engine,
        dtype: torch.dtype,
        empty_is_zero: bool = False,
        most_rows: int | None = None,
    ) -> None:
        self._tokenizers = tokenizers
        self._engine = engine
        self._dtype = dtype
        self._empty_is_zero = empty_is_zero
        self._most_rows = most_rows
        self._rows: OrderedDict[str, int] = OrderedDict()  # the last asked for are last
        self._tables: Conditions = {}
        batch = engine.profile.get("batch")
        self._batch = _BATCH if batch is None else batch.largest

    def __len__(self) -> int:
        return len(self._rows)

    def lookup(self, prompts: Sequence[str]) -> Conditions:
        """Embeddings of `prompts` on the engine's device."""
        self.add(prompts)
        numbers = torch.tensor([self._rows[prompt] for prompt in prompts], dtype=torch.int64)
        rows = to_device(numbers, self._engine.device)
        return {name: table[rows] for name, table in self._tables.items()}

    def lookup_negative(self, prompts: Sequence[str]) -> Conditions:
        """Embeddings of `prompts` as what guidance leads away from."""
        found = self.lookup(prompts)
        if self._empty_is_zero:
            said = torch.tensor([bool(prompt) for prompt in prompts], dtype=self._dtype)
            mask = to_device(said, self._engine.device)
            for values in found.values():
                values.mul_(mask.view(-1, *[1] * (values.ndim - 1)))
        return found

    @torch.inference_mode()
    def add(self, prompts: Iterable[str]) -> None:
        """Encode those of `prompts` that are new, in large batches."""
        distinct = list(dict.fromkeys(prompts))
        new = [prompt for prompt in distinct if prompt not in self._rows]
        for prompt in distinct:
            if prompt in self._rows:
                self._rows.move_to_end(prompt)
        if new:
            self._warn_of_long(new)
        for begin in range(0, len(new), self._batch):
            batch = new[begin : begin + self._batch]
            self._store(batch, self._encode(batch))

    def _store(self, prompts: list[str], encoded: Conditions) -> None:
        if not self._tables:
            self._allocate(encoded)
        # Before rows are given away: there may be no memory for it.
        encoded = {name: values.to(self._dtype) for name, values in encoded.items()}
        rows = to_device(torch.tensor([self._row_for(p) for p in prompts]), self._engine.device)
        for name, values in encoded.items():
            self._tables[name].index_copy_(0, rows, values)

    def _row_for(self, prompt: str) -> int:
        if len(self._rows) == self._most_rows:
            _, row = self._rows.popitem(last=False)
        else:
            row = len(self._rows)
        self._rows[prompt] = row
        return row

    def _allocate(self, encoded: Conditions) -> None:
        row_bytes = sum(values[0].numel() for values in encoded.values()) * self._dtype.itemsize
        self._most_rows = self._most_rows or max(_LEAST_ROWS, _TABLE_BYTES // row_bytes)
        shapes = {name: (self._most_rows, *values.shape[1:]) for name, values in encoded.items()}
        self._tables = {
            name: encoded[name].new_empty(shape, dtype=self._dtype)
            for name, shape in shapes.items()
        }

    def _encode(self, prompts: list[str]) -> Conditions:
        inputs = {}
        for wanted, tokenizer in zip(self._engine.spec.inputs, self._tokenizers, strict=True):
            tokens = tokenizer(
                prompts,
                padding="max_length",
                max_length=int(wanted.shape[1]),
                truncation=True,
                return_tensors="pt",
            )
            inputs[wanted.name] = to_device(tokens.input_ids, self._engine.device)
        return self._engine(inputs)

    def _warn_of_long(self, prompts: list[str]) -> None:
        """Name the longest of `prompts` if it is too long; SDXL's two tokenizers split alike."""
        limit = int(self._engine.spec.inputs[0].shape[1])
        lengths = [len(tokens) for tokens in self._tokenizers[0](prompts).input_ids]
        longest = max(range(len(prompts)), key=lengths.__getitem__)
        if lengths[longest] > limit:
            _log.warning(
                "prompt %r has %d tokens, the model reads the first %d",
                prompts[longest],
                lengths[longest],
                limit,
            )
