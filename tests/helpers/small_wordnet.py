"""A dictionary of six meanings, in the files that the readers of WordNet read."""

from contextlib import contextmanager

import pytest

from zeroreal.generate.plan.wordnet import load_wordnet

LINES = {  # of data.noun in WordNet 3.0's format: words, pointers, gloss
    "thing": ("object thing", "", "a tangible thing"),
    "bird": ("bird", "thing", "warm-blooded egg-laying vertebrate"),
    "wader": ("crane", "bird", "large long-necked wading bird"),
    "lifter": ("crane", "thing", "lifts and moves heavy objects"),
    "heron": ("heron", "bird", "grey or white wading bird"),
    "lorry": ("lorry", "thing", "a large truck"),
}


@contextmanager
def tiny_wordnet(root):
    """The library's own reader on this dictionary, which is written into the folder `root`."""
    nltk = pytest.importorskip("nltk")
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
