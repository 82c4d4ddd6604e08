"""Text embeddings: one for each distinct prompt, kept on the device."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer

_log = logging.getLogger(__name__)
_BATCH = 256


class TextEmbeddings:
    """A table of text embeddings that encodes a prompt the first time it is asked for."""

    def __init__(self, tokenizer: CLIPTokenizer, text_encoder: CLIPTextModel) -> None:
        self._tokenizer = tokenizer
        self._text_encoder = text_encoder
        self._rows: dict[str, int] = {}
        self._table: Tensor | None = None

    def __len__(self) -> int:
        return len(self._rows)

    def lookup(self, prompts: Sequence[str]) -> Tensor:
        """Embeddings of `prompts`, `[B, tokens, channels]` in the encoder's dtype and place."""
        self.add(prompts)
        assert self._table is not None
        rows = torch.tensor([self._rows[prompt] for prompt in prompts], device=self._table.device)
        return self._table[rows]

    @torch.inference_mode()
    def add(self, prompts: Iterable[str]) -> None:
        """Encode those of `prompts` that are new, in large batches."""
        new = [prompt for prompt in dict.fromkeys(prompts) if prompt not in self._rows]
        for begin in range(0, len(new), _BATCH):
            encoded = self._encode(new[begin : begin + _BATCH])
            table = encoded if self._table is None else torch.cat([self._table, encoded])
            self._table = table
        self._rows.update({prompt: len(self._rows) + row for row, prompt in enumerate(new)})

    def _encode(self, prompts: list[str]) -> Tensor:
        limit = self._tokenizer.model_max_length
        whole = self._tokenizer(prompts).input_ids
        longest = max(range(len(prompts)), key=lambda row: len(whole[row]))
        if len(whole[longest]) > limit:
            _log.warning(
                "prompt %r has %d tokens, the model reads the first %d",
                prompts[longest],
                len(whole[longest]),
                limit,
            )
        tokens = self._tokenizer(
            prompts, padding="max_length", max_length=limit, truncation=True, return_tensors="pt"
        )
        device = self._text_encoder.device
        # Stable Diffusion attends to padding too, unless the encoder's configuration forbids it.
        masked = getattr(self._text_encoder.config, "use_attention_mask", False)
        mask = tokens.attention_mask.to(device) if masked else None
        states: Tensor = self._text_encoder(tokens.input_ids.to(device), attention_mask=mask)[0]
        return states
