"""The pages of images under way."""

import base64
import io
import re
from html.parser import HTMLParser

import pytest
from PIL import Image

from zeroreal.generate.dataset.card.licence import licences
from zeroreal.generate.dataset.card.preview import Estimate, Tile, contact_sheet, preview_page

GIB = 2**30


class Elements(HTMLParser):
    """All elements with their attributes, and the text of the page without its style."""

    def __init__(self, page):
        super().__init__()
        self.found, self.text = [], ""
        self.feed(page.decode())

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data

    def of(self, tag):
        return [attributes for name, attributes in self.found if name == tag]


def tile(index, label=0, name="bag", size=32, prompt="a photo of a bag"):
    image = Image.effect_noise((size, size), 50).convert("RGB")
    return Tile(image, index, label, name, prompt, 2.5, 1000 + index)


def pixels(address):
    return Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2])))


@pytest.fixture
def estimate():
    return Estimate(
        images=7200, images_per_second=2.0, bytes_per_image=GIB / 3600, free_bytes=10 * GIB
    )


def test_images_stand_with_class_prompt_guidance_and_seed_in_the_order_of_labels():
    page = Elements(contact_sheet([tile(2, 1), tile(4, 0, "coat", prompt="a coat")], "My set", {}))
    assert re.search(
        r"coat.*a coat.*seed 1004.*bag.*a photo of a bag.*2\.5.*seed 1002", page.text, re.S
    )
    assert len(page.of("img")) == 2


def test_a_small_image_is_shown_pixel_by_pixel():
    shown = tile(0)
    (image,) = Elements(contact_sheet([shown], "t", {})).of("img")
    assert pixels(image["src"]).tobytes() == shown.image.tobytes()
    assert image["class"] == "small"


def test_a_large_image_is_reduced():
    page = contact_sheet([tile(0, size=512)], "t", {})
    assert max(pixels(Elements(page).of("img")[0]["src"]).size) == 192
    assert len(page) < 60_000


def test_the_contact_sheet_loads_itself_again_and_the_preview_does_not(estimate):
    def refreshed(page):
        return [m["content"] for m in Elements(page).of("meta") if m.get("http-equiv") == "refresh"]

    assert refreshed(contact_sheet([], "t", {})) == ["60"]
    assert refreshed(preview_page([], "t", estimate, licences()["mit"])) == []


def test_pages_load_nothing(estimate):
    for page in (
        contact_sheet([tile(0)], "t", {}),
        preview_page([tile(0)], "t", estimate, licences()["mit"]),
    ):
        elements = Elements(page)
        assert all(one["src"].startswith("data:") for one in elements.of("img"))
        assert not elements.of("script")
        assert not elements.of("link")
        assert "url(" not in page.decode()


def test_what_users_write_stays_text():
    nasty = "<script>alert(1)</script>"
    page = Elements(contact_sheet([tile(0, 0, nasty, prompt=nasty)], nasty, {nasty: nasty}))
    assert page.of("script") == []
    assert page.text.count(nasty) == 6  # title, heading, fact and its name, class, prompt


def test_the_preview_says_what_all_of_it_takes(estimate):
    text = Elements(preview_page([], "t", estimate, licences()["sai-nc-community"])).text
    text = text.replace("\N{NO-BREAK SPACE}", " ")
    for said in (
        "7,200",
        "2.0",
        "1 h 00 min",
        "2.00 GiB",
        "10.00 GiB",
        "commercial use of the model: no",
    ):
        assert said in text


def test_a_disk_that_is_too_small_is_called_so():
    small = Estimate(1000, 1.0, 1e6, free_bytes=5 * 10**8)
    assert not small.fits
    assert small.facts()["disk free"].endswith("too little")


def test_free_disk_that_is_not_known_is_said_to_be_so():
    assert Estimate(1000, 1.0, 1e6, free_bytes=None).facts()["disk free"] == "not known"


def test_a_page_without_images_says_so():
    assert "No image is finished yet" in Elements(contact_sheet([], "t", {})).text
