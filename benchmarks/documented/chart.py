"""Bars of one figure of several contenders: an SVG drawing, the same for the same figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

_WIDTH, _LEFT, _RIGHT = 720, 230, 60
_ROW, _BAR, _TOP = 26, 18, 36
_STYLE = """\
text { font: 13px system-ui, sans-serif; fill: #1f2937 }
.title { font-weight: 600 }
.ours { fill: #2563eb }
.peer { fill: #94a3b8 }
@media (prefers-color-scheme: dark) {
  text { fill: #e5e7eb }
  .ours { fill: #60a5fa }
  .peer { fill: #64748b }
}"""


@dataclass(frozen=True)
class Bar:
    """One contender."""

    name: str
    value: float
    text: str
    """The value as it is written."""
    is_ours: bool


def bar_chart(title: str, bars: Sequence[Bar]) -> str:
    """The drawing; the longest bar fills the width. It needs no font and loads nothing."""
    height = _TOP + _ROW * len(bars) + 8
    most = max(bar.value for bar in bars)
    space = _WIDTH - _LEFT - _RIGHT
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        f'width="{_WIDTH}" height="{height}" role="img" aria-label="{escape(title)}">',
        f"<style>\n{_STYLE}\n</style>",
        f'<text class="title" x="8" y="20">{escape(title)}</text>',
    ]
    for number, bar in enumerate(bars):
        top, length = _TOP + _ROW * number, space * bar.value / most
        kind = "ours" if bar.is_ours else "peer"
        middle = top + _BAR - 5
        lines += [
            f'<text x="{_LEFT - 8}" y="{middle}" text-anchor="end">{escape(bar.name)}</text>',
            f'<rect class="{kind}" x="{_LEFT}" y="{top}" width="{length:.1f}" height="{_BAR}" '
            'rx="2"/>',
            f'<text x="{_LEFT + length + 6:.1f}" y="{middle}">{escape(bar.text)}</text>',
        ]
    return "\n".join([*lines, "</svg>", ""])
