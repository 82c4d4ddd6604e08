"""Users' text in Markdown, rendered by another program."""

import pytest
from markdown_it import MarkdownIt

from zeroreal.generate.dataset.card.markdown import escape, fenced

TEXTS = [
    "| <script>alert(1)</script>",
    "---",
    "# heading",
    "- item",
    "1. first",
    "> quote",
    "=== a",
    "*bold* _it_ ~~gone~~ `code` [link](http://x) ![i](y)",
    "&amp; \\ back",
    "a|b",
    "t-shirt/top",
    "犬 \N{DOG FACE}",
]


def shown(html):
    """The text that a browser would show of a cell or paragraph, which holds no element."""
    import html as entities

    assert "<" not in html
    return entities.unescape(html)


@pytest.mark.parametrize("text", TEXTS)
def test_a_paragraph_shows_the_text_as_it_was_written(text):
    html = MarkdownIt("gfm-like", {"linkify": False}).render(escape(text)).strip()
    assert html.startswith("<p>")
    assert shown(html.removeprefix("<p>").removesuffix("</p>")) == text


@pytest.mark.parametrize("text", TEXTS)
def test_a_cell_shows_the_text_as_it_was_written(text):
    table = f"| a | b |\n| --- | --- |\n| {escape(text)} | end |"
    html = MarkdownIt("gfm-like", {"linkify": False}).render(table)
    cells = html.split("<tbody>")[1].split("<td>")[1:]
    assert shown(cells[0].split("</td>")[0]) == text
    assert cells[1].startswith("end")


def test_lines_become_one():
    assert escape("a\n\n# b") == "a # b"


def test_nothing_in_code_closes_its_fence():
    tokens = MarkdownIt().parse(fenced("a\n```\nb ````", "bash"))
    assert [(token.type, token.content) for token in tokens] == [("fence", "a\n```\nb ````\n")]
