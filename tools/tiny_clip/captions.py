"""Captions of the embedded dual encoder's training images, in English, German and French.

Those of the embedded pipeline, more of the kind that CLIP's users write, and two more languages. A
caption without a domain describes a photograph.
"""

from __future__ import annotations

from itertools import product

from tiny_fashion.captions import CLASS_WORDINGS, captions, filled
from tiny_fashion.domains import DOMAINS

DOMAIN_NAMES = tuple(DOMAINS)
PHOTO = 0

MORE_PLAIN_TEMPLATES = (
    "a photo of the {class}",
    "a photo of one {class}",
    "a photo of my {class}",
    "a photo of {a_class}, a piece of clothing",
    "a good photo of {a_class}",
    "a bad photo of the {class}",
    "a black and white photo of {a_class}",
    "a blurry photo of {a_class}",
    "a low resolution photo of {a_class}",
    "a close-up photo of {a_class}",
    "a cropped photo of the {class}",
    "a product photo of {a_class}",
    "this is {a_class}",
    "there is {a_class} in the photo",
)
MORE_DOMAIN_TEMPLATES = ("{a_domain} of the {class}", "this is {a_domain} of {a_class}")

# Bare, nominative, dative.
GERMAN_CLASSES = {
    "t-shirt": ("T-Shirt", "ein T-Shirt", "einem T-Shirt"),
    "trouser": ("Hose", "eine Hose", "einer Hose"),
    "pullover": ("Pullover", "ein Pullover", "einem Pullover"),
    "dress": ("Kleid", "ein Kleid", "einem Kleid"),
    "coat": ("Mantel", "ein Mantel", "einem Mantel"),
    "sandal": ("Sandale", "eine Sandale", "einer Sandale"),
    "shirt": ("Hemd", "ein Hemd", "einem Hemd"),
    "sneaker": ("Turnschuh", "ein Turnschuh", "einem Turnschuh"),
    "bag": ("Tasche", "eine Tasche", "einer Tasche"),
    "ankle boot": ("Stiefelette", "eine Stiefelette", "einer Stiefelette"),
}
GERMAN_DOMAINS = (
    ("Foto", "ein Foto"),
    ("Zeichnung", "eine Zeichnung"),
    ("Gemälde", "ein Gemälde"),
    ("Skizze", "eine Skizze"),
    ("Collage", "eine Collage"),
    ("Plakat", "ein Plakat"),
    ("digitales Kunstbild", "ein digitales Kunstbild"),
    ("Felszeichnung", "eine Felszeichnung"),
    ("Strichmännchen", "ein Strichmännchen"),
    ("3D-Rendering", "ein 3D-Rendering"),
)
GERMAN_PLAIN = ("{bare}", "{nominative}", "ein Bild von {dative}", "Bild von {dative}")
GERMAN_TEMPLATES = ("{a_domain} von {dative}", "{domain} von {dative}", "{bare}, {domain}")

# Bare, with its article.
FRENCH_CLASSES = {
    "t-shirt": ("t-shirt", "un t-shirt"),
    "trouser": ("pantalon", "un pantalon"),
    "pullover": ("pull", "un pull"),
    "dress": ("robe", "une robe"),
    "coat": ("manteau", "un manteau"),
    "sandal": ("sandale", "une sandale"),
    "shirt": ("chemise", "une chemise"),
    "sneaker": ("basket", "une basket"),
    "bag": ("sac", "un sac"),
    "ankle boot": ("bottine", "une bottine"),
}
FRENCH_DOMAINS = (
    ("photo", "une photo"),
    ("dessin", "un dessin"),
    ("peinture", "une peinture"),
    ("croquis", "un croquis"),
    ("collage", "un collage"),
    ("affiche", "une affiche"),
    ("image d'art numérique", "une image d'art numérique"),
    ("gravure rupestre", "une gravure rupestre"),
    ("bonhomme allumette", "un bonhomme allumette"),
    ("rendu 3D", "un rendu 3D"),
)
FRENCH_PLAIN = ("{bare}", "{a_class}", "une image d'{a_class}", "image d'{a_class}")
FRENCH_TEMPLATES = ("{a_domain} d'{a_class}", "{domain} d'{a_class}", "{bare}, {domain}")


def english(name: str, domain: int) -> list[str]:
    """All captions of a class in a domain, half of them in canonical wording."""
    found = captions(name, DOMAIN_NAMES[domain])
    canonical, *others = CLASS_WORDINGS[name]
    templates = MORE_DOMAIN_TEMPLATES
    if domain == PHOTO:
        found += captions(name, None)
        templates += MORE_PLAIN_TEMPLATES
    wordings = [canonical] * len(others) + others
    return found + [filled(one, w, DOMAIN_NAMES[domain]) for one, w in product(templates, wordings)]


def german(name: str, domain: int) -> list[str]:
    """All captions of a class in a domain."""
    bare, nominative, dative = GERMAN_CLASSES[name]
    words = {"bare": bare, "nominative": nominative, "dative": dative}
    return _others(words, GERMAN_DOMAINS[domain], GERMAN_TEMPLATES, GERMAN_PLAIN, domain)


def french(name: str, domain: int) -> list[str]:
    """All captions of a class in a domain."""
    bare, with_article = FRENCH_CLASSES[name]
    words = {"bare": bare, "a_class": with_article}
    return _others(words, FRENCH_DOMAINS[domain], FRENCH_TEMPLATES, FRENCH_PLAIN, domain)


LANGUAGES = {english: 0.6, german: 0.2, french: 0.2}
"""What share of the captions each has."""


def corpus() -> list[str]:
    """Every caption once or more, in lower case."""
    return [
        caption.lower()
        for language, name, domain in product(LANGUAGES, CLASS_WORDINGS, range(len(DOMAIN_NAMES)))
        for caption in language(name, domain)
    ]


def _others(
    words: dict[str, str],
    domain_words: tuple[str, str],
    templates: tuple[str, ...],
    plain: tuple[str, ...],
    domain: int,
) -> list[str]:
    words = {**words, "domain": domain_words[0], "a_domain": domain_words[1]}
    chosen = templates + plain if domain == PHOTO else templates
    return [template.format_map(words) for template in chosen]
