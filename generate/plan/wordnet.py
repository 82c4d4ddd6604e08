"""What WordNet says of class names: their meanings, and what these are kinds of."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from ...base.errors import InputError

DICTIONARY_FIELDS = ("hypernym", "gloss")
"""Fields of templates: what a class is a kind of, and how its meaning is explained."""
_NOUN = "n"


def load_wordnet() -> Any:
    """WordNet by `nltk`; `InputError` where the library or its data are not installed."""
    try:
        from nltk.corpus import wordnet
    except ImportError:
        raise InputError(
            "WordNet tells no meanings of names, for nltk is not installed: pip install "
            "'zeroreal[wordnet]', and python -m nltk.downloader wordnet"
        ) from None
    try:
        wordnet.ensure_loaded()
    except LookupError:
        raise InputError(
            "WordNet tells no meanings of names, for its data are not installed: python -m "
            "nltk.downloader wordnet"
        ) from None
    return wordnet


def nouns(prompt: str, wordnet: Any) -> list[Any]:
    """The meanings of what prompts call a class, the most frequent first."""
    return list(wordnet.synsets(prompt.replace(" ", "_"), pos=_NOUN))


def first_word(synset: Any) -> str:
    """The first of the words that have a meaning."""
    return str(synset.lemma_names()[0]).replace("_", " ")


@lru_cache(maxsize=65536)
def dictionary_values(prompt: str) -> dict[str, str]:
    """The values of `DICTIONARY_FIELDS` for what prompts call a class, in its first meaning.

    Raises `InputError` without WordNet, and for what is no noun there or no kind of anything.
    """
    meanings = nouns(prompt, load_wordnet())
    if not meanings or not (above := meanings[0].hypernyms()):
        raise InputError(
            f"class {prompt!r} is no noun that WordNet knows as a kind of something: call it "
            f"otherwise ('NAME: WORDS'), or use a prompt without {{hypernym}} and {{gloss}}"
        )
    return {"hypernym": first_word(above[0]), "gloss": str(meanings[0].definition())}
