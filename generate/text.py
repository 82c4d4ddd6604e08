"""Text embeddings: one for each distinct prompt, kept on the device."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..engine import Engine

if TYPE_CHECKING:
    from transformers import CLIPTokenizer

_log = logging.getLogger(__name__)
_BATCH = 256

Conditions = dict[str, Tensor]
"""What the denoiser takes of a prompt: `text_embeddings` `[B, tokens, channels]`, for SDXL also
`pooled` `[B, channels]`."""


class TextEmbeddings:
    """A table of text embeddings that encodes a prompt the first time it is asked for.

    Args:
        tokenizers: one for each text encoder.
        engine: the text encoder: token ids `[B, tokens]` to embeddings.
        dtype: of the embeddings handed out.
        empty_is_zero: an empty negative prompt has embeddings of zeros (SDXL).
    """

    def __init__(
        self,
        tokenizers: Sequence[CLIPTokenizer],
        engine: Engine,
        dtype: torch.dtype,
        empty_is_zero: bool = False,
    ) -> None:
        self._tokenizers = tokenizers
        self._engine = engine
        self._dtype = dtype
        self._empty_is_zero = empty_is_zero
        self._rows: dict[str, int] = {}
        self._tables: Conditions = {}
        batch = engine.profile.get("batch")
        self._batch = _BATCH if batch is None else batch.largest

    def __len__(self) -> int:
        return len(self._rows)

    def lookup(self, prompts: Sequence[str]) -> Conditions:
        """Embeddings of `prompts` on the engine's device."""
        self.add(prompts)
        numbers = [self._rows[prompt] for prompt in prompts]
        rows = torch.tensor(numbers, dtype=torch.int64, device=self._engine.device)
        return {name: table[rows] for name, table in self._tables.items()}

    def lookup_negative(self, prompts: Sequence[str]) -> Conditions:
        """Embeddings of `prompts` as what guidance leads away from."""
        found = self.lookup(prompts)
        if self._empty_is_zero:
            empty = [row for row, prompt in enumerate(prompts) if not prompt]
            for values in found.values():
                values[empty] = 0
        return found

    @torch.inference_mode()
    def add(self, prompts: Iterable[str]) -> None:
        """Encode those of `prompts` that are new, in large batches."""
        new = [prompt for prompt in dict.fromkeys(prompts) if prompt not in self._rows]
        if new:
            self._warn_of_long(new)
        for begin in range(0, len(new), self._batch):
            encoded = self._encode(new[begin : begin + self._batch])
            for name, values in encoded.items():
                known = [self._tables[name]] if name in self._tables else []
                self._tables[name] = torch.cat([*known, values.to(self._dtype)])
        self._rows.update({prompt: len(self._rows) + row for row, prompt in enumerate(new)})

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
            inputs[wanted.name] = tokens.input_ids.to(self._engine.device)
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
