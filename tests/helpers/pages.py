"""HTML pages, as a parser and a browser see them."""

import html
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

LOADING = {"src", "href", "srcset", "data", "action", "poster", "background"}
LOADERS = {"script", "link", "iframe", "object", "embed"}
BROWSER = shutil.which("chromium")
needs_browser = pytest.mark.skipif(BROWSER is None, reason="no chromium on this machine")
_FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars")
_QUIET = ("--disable-background-networking", "--disable-component-update", "--disable-sync")


class Page(HTMLParser):
    """What a test asks of a page: its tags, attributes and visible text."""

    def __init__(self, path):
        super().__init__()
        self.tags, self.open, self.text = [], [], ""
        self.feed(path.read_text(encoding="utf-8"))
        self.text = re.sub(r"\s+", " ", self.text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.open.append(tag)

    def handle_endtag(self, tag):
        if tag in self.open:
            while self.open.pop() != tag:
                pass

    def handle_data(self, data):
        if "style" not in self.open:
            self.text += data

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


def loaded_by(path):
    """Whatever a page asks for beyond itself: tags, addresses, rules of its style."""
    page = Page(path)
    found = [tag for tag, _ in page.tags if tag in LOADERS]
    for _, attributes in page.tags:
        addresses = [attributes[name] for name in LOADING & attributes.keys()]
        found += [address for address in addresses if not address.startswith("data:")]
    text = path.read_text(encoding="utf-8")
    styles = text.partition("<style>")[2].partition("</style>")[0]
    found += re.findall(r"url\(|@import", styles)
    text = re.sub(r"base64,[^\"]*", "", text).replace("http-equiv", "")
    return found + re.findall(r"https?:", text)


def seen_by_browser(path, folder, *flags):
    """The page as it is after the browser has laid it out, as a file in `folder`."""
    command = [BROWSER, *_FLAGS, *_QUIET, f"--user-data-dir={folder / 'profile'}", "--dump-dom"]
    done = subprocess.run(
        [*command, *flags, path.as_uri()], capture_output=True, text=True, timeout=120, check=True
    )
    seen = Path(folder, "seen.html")
    seen.write_text(done.stdout, encoding="utf-8")
    return seen


def widths(path, folder, width):
    """How wide the page's content is in a window of `width`, and what is wider than the window.

    Details are opened. A script in a copy of the page measures it, in a frame: the browser's own
    window has a least width.
    """
    script = """<script>addEventListener("load", () => {
      document.querySelectorAll("details").forEach(one => { one.open = true; });
      const inside = one => one.closest(".scroll") && !one.matches(".scroll");
      const wide = [...document.body.querySelectorAll("*")].filter(one =>
        !inside(one) && one.getBoundingClientRect().right > innerWidth + 0.5);
      parent.document.title = [innerWidth, document.documentElement.scrollWidth,
        ...wide.map(one => one.outerHTML.slice(0, 80))].join("|");
    });</script></body>"""
    text = re.sub(r"<meta http-equiv[^>]*>", "", path.read_text(encoding="utf-8"))
    copy = Path(folder, "measured.html")
    inside = html.escape(text.replace("</body>", script))
    frame = f'<iframe style="border:0;width:{width}px;height:2000px" srcdoc="{inside}"></iframe>'
    copy.write_text(f"<!doctype html><meta charset=utf-8><title></title>{frame}", encoding="utf-8")
    seen = seen_by_browser(copy, folder).read_text(encoding="utf-8")
    title = re.search(r"<title>(.*?)</title>", seen, re.DOTALL)[1]
    window, content, *wide = title.split("|")
    assert int(window) == width, "the browser's window is of another width"
    return int(content), wide
