"""The digest of an encoder covers the files that decide what it says, and no others."""

import pytest

from zeroreal.encoders import encoder_digest


@pytest.fixture
def folder(tmp_path):
    for name in ("config.json", "vocab.json", "merges.txt", "vocab.txt", "README.txt"):
        (tmp_path / name).write_text(name)
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "has_tokenizer", "decides"),
    [
        ("merges.txt", False, True),
        ("vocab.txt", False, True),
        ("merges.txt", True, False),
        ("vocab.txt", True, False),
        ("vocab.json", True, True),
        ("README.txt", False, False),
    ],
)
def test_lists_of_tokens_decide_where_no_tokenizer_takes_their_place(
    folder, name, has_tokenizer, decides
):
    if has_tokenizer:
        (folder / "tokenizer.json").write_text("{}")
    before = encoder_digest(folder)
    (folder / name).write_text("other")
    assert (encoder_digest(folder) != before) == decides


def test_the_digest_of_a_folder_with_a_tokenizer_is_that_of_before(folder):
    (folder / "tokenizer.json").write_text("{}")
    assert encoder_digest(folder) == (
        "cb4020654e5ff0236e8b76d15ea9490fce61f7f8bf16eed5e7fe773e6ad237ce"
    )
