"""Users' text in Markdown: it shows as it was written, and does nothing."""

from __future__ import annotations

import re
from typing import Any

_SPECIAL = re.compile(r"([\\`*_\[\]|~$])")
# At the start of a line: headings, lists, rules, quotes, numbers of lists.
_OPENING = re.compile(r"^([-+#=]|\d+(?=[.)](?:\s|$)))")


def escape(value: Any) -> str:
    """A value as Markdown that shows it on one line, also in a table's cell."""
    text = " ".join(str(value).split())
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = _SPECIAL.sub(r"\\\1", text)
    return _OPENING.sub(_opened, text)


def _opened(found: re.Match[str]) -> str:
    mark = found[1]
    return f"{mark}\\" if mark.isdigit() else f"\\{mark}"


def fenced(code: str, language: str = "") -> str:
    """A block of code, between fences that nothing in it closes."""
    longest = max((len(run) for run in re.findall(r"`+", code)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{code.rstrip()}\n{fence}"
