"""Text of unknown origin made fit to be shown."""

from __future__ import annotations

import reprlib
import unicodedata

# Control characters, which move cursors and give orders to terminals; line and paragraph
# separators; halves of surrogate pairs, which stand for bytes that are no text.
_HIDDEN = ("Cc", "Zl", "Zp", "Cs")
_TURNING = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
"""Characters that turn the direction of what follows, so that a text seems to say another."""

_short = reprlib.Repr()
_short.maxstring = _short.maxother = 60
short = _short.repr
"""A value as errors show it: they would be as long as the mistake otherwise."""


def printable(text: str, keep: str = "") -> str:
    r"""`text` with what is no picture of anything escaped, such as `\x1b`, but for `keep`."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        char if char in keep or not _is_hidden(char) else ascii(char)[1:-1] for char in text
    )


def _is_hidden(char: str) -> bool:
    return unicodedata.category(char) in _HIDDEN or char in _TURNING


def text_cell(value: object) -> object:
    """A cell of a CSV table that no spreadsheet takes for a formula; numbers are as they are."""
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return f"'{value}"
    return value
