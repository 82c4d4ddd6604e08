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
from ...export.graphs.specs import NEGATIVE_EMBEDDINGS

if TYPE_CHECKING:
    from transformers import CLIPTokenizer

_log = logging.getLogger(__name__)
_BATCH = 256
_TOKENIZED = 4096  # prompts at once, to count their tokens
_MOST_SHOWN = 200  # characters of a long prompt
_LEAST_ROWS = 1024
_TABLE_BYTES = 2**28

Conditions = dict[str, Tensor]
"""What the denoiser takes of a prompt: `text_embeddings` `[B, tokens, channels]`, for SDXL also
`pooled` `[B, channels]`."""


def warn_of_long(tokenizers: Sequence[CLIPTokenizer], limit: int, prompts: Iterable[str]) -> int:
    """Say how many of `prompts` have more tokens than the `limit` of the model, and the longest.

    Gives how many they are. SDXL's two tokenizers split alike: the first one's answer is both's.
    """
    every = list(dict.fromkeys(prompts))
    lengths: list[int] = []
    for begin in range(0, len(every), _TOKENIZED):
        texts = _with_every_vector(every[begin : begin + _TOKENIZED], tokenizers[0])
        found = tokenizers[0](texts, verbose=False)
        lengths += [len(tokens) for tokens in found.input_ids]
    cut = sum(length > limit for length in lengths)
    if cut:
        longest = max(range(len(every)), key=lengths.__getitem__)
        text = every[longest]
        _log.warning(
            "%d of %d prompts are cut to the %d tokens that the model reads; the longest has %d: "
            "%r%s",
            cut,
            len(every),
            limit,
            lengths[longest],
            text[:_MOST_SHOWN],
            " ..." if len(text) > _MOST_SHOWN else "",
        )
    return cut


def _with_every_vector(prompts: list[str], tokenizer: CLIPTokenizer) -> list[str]:
    """The prompts as the pipelines of `diffusers` tokenise them.

    A textual inversion of several vectors is one word of a prompt and a token for each vector:
    `<cat>` stands for `<cat> <cat>_1`.
    """
    added = tokenizer.added_tokens_encoder
    if not any(f"{token}_1" in added for token in added):
        return prompts
    from diffusers.loaders import TextualInversionLoaderMixin

    converted: list[str] = TextualInversionLoaderMixin().maybe_convert_prompt(prompts, tokenizer)
    return converted


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
        self.is_checked = False
        """Whether long prompts have been said, which is done once."""
        self._rows: OrderedDict[str, int] = OrderedDict()  # the last asked for are last
        self._tables: Conditions = {}
        batch = engine.profile.get("batch")
        self._batch = _BATCH if batch is None else batch.largest

    def __len__(self) -> int:
        return len(self._rows)

    def forget(self) -> None:
        """Have every prompt encoded again when it is next asked for."""
        self._rows.clear()

    def lookup(self, prompts: Sequence[str]) -> Conditions:
        """Embeddings of `prompts` on the engine's device."""
        found = self._lookup(prompts)
        found.pop(NEGATIVE_EMBEDDINGS, None)
        return found

    def _lookup(self, prompts: Sequence[str]) -> Conditions:
        """All that the text encoder gives for `prompts`."""
        self.add(prompts)
        numbers = torch.tensor([self._rows[prompt] for prompt in prompts], dtype=torch.int64)
        rows = to_device(numbers, self._engine.device)
        return {name: table[rows] for name, table in self._tables.items()}

    def lookup_negative(self, prompts: Sequence[str]) -> Conditions:
        """Embeddings of `prompts` as what guidance leads away from."""
        found = self._lookup(prompts)
        if NEGATIVE_EMBEDDINGS in found:
            found["text_embeddings"] = found.pop(NEGATIVE_EMBEDDINGS)
        if self._empty_is_zero:
            said = torch.tensor([bool(prompt) for prompt in prompts], dtype=self._dtype)
            mask = to_device(said, self._engine.device)
            for values in found.values():
                values.mul_(mask.view(-1, *[1] * (values.ndim - 1)))
        return found

    def check(self, prompts: Iterable[str]) -> None:
        """Say which of `prompts`, all that there will be, are too long; none is said later on."""
        self.warn_of_long(prompts)
        self.is_checked = True

    def warn_of_long(self, prompts: Iterable[str]) -> int:
        """How many of `prompts` are too long for the model, which is said."""
        limit = int(self._engine.spec.inputs[0].shape[1])
        return warn_of_long(self._tokenizers, limit, prompts)

    @torch.inference_mode()
    def add(self, prompts: Iterable[str]) -> None:
        """Encode those of `prompts` that are new, in large batches."""
        distinct = list(dict.fromkeys(prompts))
        new = [prompt for prompt in distinct if prompt not in self._rows]
        for prompt in distinct:
            if prompt in self._rows:
                self._rows.move_to_end(prompt)
        if new and not self.is_checked:
            self.is_checked = self.warn_of_long(new) > 0
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
                _with_every_vector(prompts, tokenizer),
                padding="max_length",
                max_length=int(wanted.shape[1]),
                truncation=True,
                return_tensors="pt",
            )
            inputs[wanted.name] = to_device(tokens.input_ids, self._engine.device)
        return self._engine(inputs)
