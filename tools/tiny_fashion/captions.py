"""Captions of the embedded pipeline's training images, and its tokenizer.

Every template of the method occurs, each in several wordings, so that all prompts of the shipped
recipes are in distribution. A caption without a domain describes the plain photograph.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import product
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

# Label order of Fashion-MNIST; the first wording is the canonical one.
CLASS_WORDINGS: dict[str, tuple[str, ...]] = {
    "t-shirt": ("t-shirt/top", "t-shirt", "top", "tee"),
    "trouser": ("trouser", "trousers", "pair of trousers", "pants"),
    "pullover": ("pullover", "sweater", "jumper"),
    "dress": ("dress", "gown"),
    "coat": ("coat", "overcoat", "jacket"),
    "sandal": ("sandal", "sandals"),
    "shirt": ("shirt", "blouse", "button-up shirt"),
    "sneaker": ("sneaker", "sneakers", "trainer"),
    "bag": ("bag", "handbag", "purse"),
    "ankle boot": ("ankle boot", "boot", "ankle boots"),
}

PLAIN_TEMPLATES = (
    "an image of {a_class}",
    "{class}",
    "{a_class}",
    "an image of {class}",
    "a picture of {a_class}",
    "a photo of {a_class}",
    "image of {a_class}",
)

DOMAIN_TEMPLATES = (
    "{a_domain} of {a_class}",
    "{a_domain} of {class}",
    "{domain} of {a_class}",
    "{class}, {domain}",
    "{a_class} in the style of {a_domain}",
    "a satellite photo of {a_class} in the style of {a_domain}",
)

MAX_TOKENS = 32
START, END = "<|startoftext|>", "<|endoftext|>"


def _with_article(phrase: str) -> str:
    return f"{'an' if phrase[0].lower() in 'aeiou' else 'a'} {phrase}"


def filled(template: str, wording: str, domain: str) -> str:
    """The caption, with the right articles."""
    return template.format_map(
        {
            "class": wording,
            "a_class": _with_article(wording),
            "domain": domain,
            "a_domain": _with_article(domain) if domain else "",
        }
    )


def captions(class_name: str, domain: str | None) -> list[str]:
    """All captions of a class in a domain (`None`: plain), half of them in canonical wording."""
    canonical, *others = CLASS_WORDINGS[class_name]
    templates = PLAIN_TEMPLATES if domain is None else DOMAIN_TEMPLATES
    wordings = [canonical] * len(others) + others
    return [filled(template, w, domain or "") for template, w in product(templates, wordings)]


def corpus(domains: list[str]) -> list[str]:
    """Every caption once or more, in lower case."""
    return [
        caption.lower()
        for name, domain in product(CLASS_WORDINGS, [None, *domains])
        for caption in captions(name, domain)
    ]


def write_tokenizer(folder: Path, texts: Iterable[str], most_tokens: int = 1024) -> None:
    """Train byte-level BPE in CLIP's form on captions; save it as a `CLIPTokenizer` folder."""
    tokenizer = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    # CLIP splits at spaces and punctuation and marks word ends instead of word starts.
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.WhitespaceSplit(),
            pre_tokenizers.Punctuation(),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.BPEDecoder(suffix="</w>")
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    letters = sorted(alphabet)
    ends = [letter + "</w>" for letter in letters]
    trainer = trainers.BpeTrainer(
        vocab_size=most_tokens,
        min_frequency=2,
        initial_alphabet=alphabet,
        # Else they are numbered in the order of a hash, by which equal counts are told apart.
        special_tokens=ends,
        end_of_word_suffix="</w>",
    )
    tokenizer.train_from_iterator(texts, trainer)
    merges = [tuple(merge) for merge in json.loads(tokenizer.to_str())["model"]["merges"]]

    # CLIP's vocabulary order: bytes, bytes at a word's end, merges, special tokens.
    tokens = [*letters, *ends]
    tokens += [left + right for left, right in merges if left + right not in tokens]
    tokens += [START, END]
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = {token: index for index, token in enumerate(tokens)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False, indent=0) + "\n")
    lines = ["#version: 0.2", *(f"{left} {right}" for left, right in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n")
    config = {
        "tokenizer_class": "CLIPTokenizer",
        "model_max_length": MAX_TOKENS,
        "bos_token": START,
        "eos_token": END,
        "unk_token": END,
        "pad_token": END,
        "do_lower_case": True,
        "errors": "replace",
        "add_prefix_space": False,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")
    special = {key: config[key] for key in ("bos_token", "eos_token", "unk_token", "pad_token")}
    (folder / "special_tokens_map.json").write_text(json.dumps(special, indent=2) + "\n")
