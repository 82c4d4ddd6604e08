"""The licence of a model, and whether it allows commercial use; where unknown, that is said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ....base.reading import read_text
from ....base.yaml_files import front_matter, load_yaml

_TABLE = Path(__file__).with_name("licences.yaml")
_CARD = "README.md"
_TEXTS = ("LICENSE", "LICENCE", "COPYING")
_EXPORTED = "manifest.json"  # what `zeroreal export` writes, which keeps no licence
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Licence:
    """A model's licence, and what it says of commercial use."""

    id: str
    """As the hub's cards name it; `unknown` where none was found, or none that is known."""
    name: str
    link: str
    """Where it can be read; empty where that is not known."""
    model: str
    """Whether it allows commercial use of the model: `yes`, `yes, with use restrictions`, `below a
    revenue threshold`, `no` or `unknown`."""
    images: str
    """The same of the images that the model makes."""
    sentence: str
    """What it comes to, or why nothing is known."""
    on_hub: bool = True
    """Whether `id` is one of the hub's own, and not a name given beside `license: other`."""

    @property
    def summary(self) -> str:
        """All of it in two sentences."""
        return (
            f"Licence of the model: {self.name}; commercial use of the model: {self.model}, of its "
            f"images: {self.images}. {self.sentence}"
        )


def model_licence(folder: Path, hub_id: str | None = None) -> Licence:
    """The licence of the model in a folder, by its card (`README.md`) and its licence file.

    For a model of the hub, both are fetched if they are not there. Where they name different
    licences, neither is believed.
    """
    reason = _fetch(folder, hub_id) if hub_id else ""
    said = _said_by_card(folder / _CARD, hub_id)
    text = _licence_by_text(folder)
    if said is None:
        if text is not None:
            return text
        return _unknown("not known", "", reason or _why_nothing(folder))
    if text is not None and text.id != said.id:
        if said.id != UNKNOWN:
            return _unknown(
                f"{said.name} or {text.name}",
                said.link,
                f"The model's card names the one and its licence file holds the other: read "
                f"{said.link or 'the card'} and the file.",
            )
        # A card that says `other` and nothing more leaves it to the file.
        return text if said.name == "other" else said
    return said


def _said_by_card(path: Path, hub_id: str | None) -> Licence | None:
    """What a model card's front matter says; None where there is none or it names no licence."""
    if not path.is_file():
        return None
    matter = front_matter(read_text(path, "card", errors="replace"), f"card {str(path)!r}")
    given, name = matter.get("license"), matter.get("license_name")
    link = _address(matter.get("license_link"), hub_id)
    if isinstance(given, list) and len(given) > 1:
        names = ", ".join(str(one) for one in given)
        reason = "The model's card names several licences and not what each is for: read the card."
        return _unknown(names, link, reason)
    if isinstance(given, list):
        given = given[0] if given else None
    if not given or given == UNKNOWN:
        return None
    known = licences().get(str(given).lower()) or licences().get(str(name).lower())
    if known is not None:
        return known
    called = str(name or given)
    where = f"read it at {link}" if link else "read it where the model comes from"
    return _unknown(
        called, link, f"The model's card names a licence that zeroreal does not know: {where}."
    )


def _address(link: object, hub_id: str | None) -> str:
    """Where a link of a card leads; empty for a file of a model that is not on the hub."""
    if not isinstance(link, str) or not link:
        return ""
    if link.startswith(("https://", "http://")):
        return link
    return f"https://huggingface.co/{hub_id}/blob/main/{link}" if hub_id else ""


def _licence_by_text(folder: Path) -> Licence | None:
    """The licence whose text a file of the folder holds; None where none or several are found."""
    found = set()
    for path in sorted(folder.glob("*")) if folder.is_dir() else ():
        if path.is_file() and path.name.upper().startswith(_TEXTS):
            text = " ".join(read_text(path, "licence", errors="replace").lower().split())
            found |= {id for id, entry in _entries().items() if _holds(text, entry)}
    return licences()[found.pop()] if len(found) == 1 else None


@cache
def licences() -> Mapping[str, Licence]:
    """The licences that are known, by id."""
    return {
        id: Licence(
            id,
            entry["name"],
            entry["link"],
            entry["model"],
            entry["images"],
            entry["sentence"],
            on_hub=entry.get("hub", True),
        )
        for id, entry in _entries().items()
    }


@cache
def _entries() -> Mapping[str, Mapping[str, Any]]:
    content: dict[str, dict[str, Any]] = load_yaml(_TABLE, "table of licences", "install again")
    return content


def _holds(text: str, entry: Mapping[str, Any]) -> bool:
    return "text" in entry and entry["text"] in text


def _fetch(folder: Path, hub_id: str) -> str:
    """Fetch card and licence into the snapshot in `folder`; why that failed, or nothing."""
    if (folder / _CARD).is_file():
        return ""
    from huggingface_hub import snapshot_download

    try:
        # A snapshot is called by its revision.
        snapshot_download(hub_id, revision=folder.name, allow_patterns=[_CARD, "LICEN[SC]E*"])
    except Exception as error:  # many kinds, as for the model itself
        return (
            f"The card of {hub_id} could not be fetched ({type(error).__name__}): read it at "
            f"https://huggingface.co/{hub_id}."
        )
    return ""


def _why_nothing(folder: Path) -> str:
    if (folder / _EXPORTED).is_file():
        return (
            "An exported model keeps no licence: read that of the model it was made from, or put "
            "its README.md into the folder."
        )
    return "The model has no card that names a licence: read what it came with."


def _unknown(name: str, link: str, sentence: str) -> Licence:
    return Licence(UNKNOWN, name, link, UNKNOWN, UNKNOWN, sentence)
