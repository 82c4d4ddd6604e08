"""Digests of files and of keys, against what other programs give."""

import hashlib

from zeroreal.base.digest import file_digest, key_digest


def test_file_digests_are_those_of_sha256sum(tmp_path):
    # FIPS 180-4's example, as `printf abc | sha256sum` prints it.
    (tmp_path / "abc").write_bytes(b"abc")
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert file_digest(tmp_path / "abc") == expected


def test_key_digests_are_those_of_sorted_json_without_spaces():
    text = b'{"a":{"x":null,"y":1.5},"b":[1,"\\u00e9"]}'
    assert key_digest({"b": (1, "é"), "a": {"y": 1.5, "x": None}}) == (
        hashlib.sha256(text).hexdigest()
    )
