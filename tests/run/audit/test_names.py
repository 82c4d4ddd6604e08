"""Class names that are alike, and what a dictionary says of them."""

import builtins

import pytest
import torch

from zeroreal.base import InputError
from zeroreal.generate import parse_classes
from zeroreal.run.audit.names import load_wordnet, name_pairs, senses

CLASSES = parse_classes(["crane", "heron", "lorry", "zzz"])
LINES = {  # of data.noun in WordNet 3.0's format: words, pointers, gloss
    "thing": ("object thing", "", "a tangible thing"),
    "bird": ("bird", "thing", "warm-blooded egg-laying vertebrate"),
    "wader": ("crane", "bird", "large long-necked wading bird"),
    "lifter": ("crane", "thing", "lifts and moves heavy objects"),
    "heron": ("heron", "bird", "grey or white wading bird"),
    "lorry": ("lorry", "thing", "a large truck"),
}


@pytest.fixture(scope="module")
def wordnet(tmp_path_factory):
    """The library's own reader on a dictionary of six meanings, in the files that it reads."""
    nltk = pytest.importorskip("nltk")
    root = tmp_path_factory.mktemp("nltk_data")
    folder = root / "corpora" / "wordnet"
    folder.mkdir(parents=True)
    offsets, data = {}, ""
    for _ in range(2):  # the second time with the offsets that the first found
        data = ""
        for key, (words, above, gloss) in LINES.items():
            offset, offsets[key] = offsets.get(key, 0), len(data)
            words = words.split()
            named = " ".join(f"{word} 0" for word in words)
            pointer = f"001 @ {offsets[above]:08d} n 0000" if above else "000"
            data += f"{offset:08d} 05 n {len(words):02x} {named} {pointer} | {gloss}  \n"
    index = ""
    for word in sorted({word for words, _, _ in LINES.values() for word in words.split()}):
        found = [f"{offsets[key]:08d}" for key, line in LINES.items() if word in line[0].split()]
        index += f"{word} n {len(found)} 1 @ {len(found)} 0 {' '.join(found)}  \n"
    files = {"data.noun": data, "index.noun": index}
    for kind in ("adj", "adv", "noun", "verb"):
        for name in (f"data.{kind}", f"index.{kind}", f"{kind}.exc"):
            (folder / name).write_text(files.get(name, ""))
    (folder / "lexnames").write_text("".join(f"{n:02}\tnoun.{n}\t1\n" for n in range(45)))
    for name in ("cntlist.rev", "index.sense"):
        (folder / name).write_text("")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nltk.data, "path", [str(root)])  # it reads nothing that lies elsewhere
        yield load_wordnet()


def test_the_nearest_names_come_first_with_what_both_are(wordnet):
    weights = torch.tensor([[1.0, 0], [0.8, 0.6], [0, 1.0], [-1.0, 0]])
    pairs = name_pairs(weights, CLASSES, wordnet)
    assert [(pair.first, pair.second) for pair in pairs[:2]] == [
        ("crane", "heron"),
        ("heron", "lorry"),
    ]
    assert pairs[0].cosine == pytest.approx(0.8)
    assert (pairs[0].hypernym, pairs[1].hypernym) == ("bird", "object")
    assert pairs[-1].hypernym is None  # 'zzz' is no word
    assert len(pairs) == 6


def test_a_name_of_several_meanings_is_told_with_all_of_them(wordnet):
    (one,) = senses(CLASSES, wordnet)
    assert (one.class_name, one.count) == ("crane", 2)
    assert one.glosses == (
        "bird: large long-necked wading bird",
        "object: lifts and moves heavy objects",
    )


def test_without_a_dictionary_names_are_compared_all_the_same():
    (pair,) = name_pairs(torch.eye(2), CLASSES[:2], None)
    assert (pair.cosine, pair.hypernym) == (0, None)
    assert senses(CLASSES, None) == ()


def test_a_dictionary_that_is_not_installed_is_said_to_be(monkeypatch):
    real = builtins.__import__

    def without(name, *rest):
        if name.startswith("nltk"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match="nltk is not installed: pip install"):
        load_wordnet()


def test_data_that_are_not_installed_are_said_to_be(monkeypatch):
    nltk = pytest.importorskip("nltk")
    monkeypatch.setattr(nltk.data, "path", [])
    monkeypatch.setattr(
        nltk.corpus,
        "wordnet",
        nltk.corpus.LazyCorpusLoader(
            "wordnet-of-nowhere", nltk.corpus.reader.wordnet.WordNetCorpusReader, None
        ),
    )
    with pytest.raises(InputError, match="its data are not installed: python -m nltk"):
        load_wordnet()
