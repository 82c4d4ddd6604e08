"""The embedded dual encoder: a `CLIPModel` for 32 pixels."""

from __future__ import annotations

from pathlib import Path

import torch
from tiny_fashion.captions import MAX_TOKENS, write_tokenizer
from tiny_fashion.settings import SIZE
from torch import Tensor
from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPTextModel, CLIPTokenizer

from .captions import corpus

_DIMENSION = 128
_WORD_END = "</w>"
_OWN = ("_name_or_path", "architectures", "dtype")  # of a configuration by itself


def new_tokenizer(folder: Path) -> CLIPTokenizer:
    """Trained on all captions, and written into `folder`."""
    write_tokenizer(folder, corpus())
    return CLIPTokenizer.from_pretrained(folder)


def new_model(tokenizer: CLIPTokenizer, pipeline: Path) -> CLIPModel:
    """ViT of 4 layers with 128 channels; the text encoder is the pipeline's."""
    text = CLIPTextModel.from_pretrained(pipeline / "text_encoder")
    config = CLIPConfig(
        text_config={
            **{name: value for name, value in text.config.to_dict().items() if name not in _OWN},
            "vocab_size": len(tokenizer),
            "bos_token_id": tokenizer.bos_token_id,
            "eos_token_id": tokenizer.eos_token_id,
            "pad_token_id": tokenizer.pad_token_id,
            "projection_dim": _DIMENSION,
        },
        vision_config={
            "hidden_size": 128,
            "intermediate_size": 512,
            "num_attention_heads": 4,
            "num_hidden_layers": 4,
            "image_size": SIZE,
            "patch_size": 8,
            "hidden_act": "gelu",
            "projection_dim": _DIMENSION,
        },
        projection_dim=_DIMENSION,
    )
    model = CLIPModel(config)
    before = CLIPTokenizer.from_pretrained(pipeline / "tokenizer")
    _begin_texts(model, text, tokenizer.get_vocab(), before.get_vocab())
    return model


def save(model: CLIPModel, folder: Path) -> None:
    """Write weights in float16 and what images are processed by beside the tokenizer."""
    model.half().save_pretrained(folder)
    half = [0.5, 0.5, 0.5]
    CLIPImageProcessor(
        size={"shortest_edge": SIZE},
        crop_size={"height": SIZE, "width": SIZE},
        image_mean=half,
        image_std=half,
    ).save_pretrained(folder)


@torch.no_grad()
def _begin_texts(
    model: CLIPModel, text: CLIPTextModel, vocabulary: dict[str, int], before: dict[str, int]
) -> None:
    """Take over the text encoder's weights; a token new to it is the mean of its letters."""
    assert text.config.max_position_embeddings == MAX_TOKENS
    name = "embeddings.token_embedding.weight"
    state = {key.removeprefix("text_model."): value for key, value in text.state_dict().items()}
    old = state.pop(name)
    rows: list[Tensor] = []
    for token in sorted(vocabulary, key=vocabulary.__getitem__):
        known = [token] if token in before else _letters(token)
        rows.append(old[[before[one] for one in known]].mean(0))
    state[name] = torch.stack(rows)
    model.text_model.load_state_dict(state, strict=True)


def _letters(token: str) -> list[str]:
    """The bytes of a token, as CLIP writes them, of which the last may end a word."""
    letters = list(token.removesuffix(_WORD_END))
    if token.endswith(_WORD_END):
        letters[-1] += _WORD_END
    return letters
