"""CLIP's tokenizer as the folders of Stable Diffusion have it, from the merges in `assets`."""

from __future__ import annotations

import gzip
from pathlib import Path

from ....assets import CLIP_MERGES
from ..json_files import write_json

_START, _END = "<|startoftext|>", "<|endoftext|>"
_TOKENS = 77
_END_OF_WORD = "</w>"


def write_tokenizer(folder: Path, pad_token: str | None = None) -> None:
    """Write CLIP's tokenizer into a folder.

    `pad_token` fills prompts up; by default it is the end token, as in Stable Diffusion 1.x.
    """
    merges = gzip.decompress(CLIP_MERGES.read_bytes()).decode("utf-8")
    write_json(folder / "vocab.json", _vocabulary(merges))
    (folder / "merges.txt").write_text(merges, encoding="utf-8")
    special = {
        "bos_token": _START,
        "eos_token": _END,
        "unk_token": _END,
        "pad_token": pad_token or _END,
    }
    write_json(folder / "special_tokens_map.json", special)
    config = {
        "tokenizer_class": "CLIPTokenizer",
        "model_max_length": _TOKENS,
        "do_lower_case": True,
        "errors": "replace",
        "add_prefix_space": False,
    }
    write_json(folder / "tokenizer_config.json", {**config, **special})


def _vocabulary(merges: str) -> dict[str, int]:
    """Every token with its number: bytes, bytes at the end of a word, merges, special tokens."""
    characters = _byte_characters()
    tokens = [*characters, *(character + _END_OF_WORD for character in characters)]
    tokens += [line.replace(" ", "") for line in merges.splitlines()[1:]]
    return {token: number for number, token in enumerate([*tokens, _START, _END])}


def _byte_characters() -> list[str]:
    """The character that stands for each byte, in the order of byte-level BPE (GPT-2).

    Bytes that print stand for themselves and come first; the others take characters from 256 on.
    """
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = 256 - len(printable)
    return [*map(chr, printable), *(chr(256 + number) for number in range(others))]
