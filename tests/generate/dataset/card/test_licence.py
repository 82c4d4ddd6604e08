"""What is said of a model's licence, and what is not."""

import huggingface_hub
import pytest

from zeroreal.assets import TINY_FASHION
from zeroreal.generate.dataset.card.licence import licences, model_licence

VERDICTS = {"yes", "yes, with use restrictions", "below a revenue threshold", "no", "unknown"}
BELOW = "below a revenue threshold"
OPENRAIL = (
    "Copyright (c) 2022 Robin Rombach and contributors\n\nCreativeML Open RAIL-M\ndated August"
)


@pytest.fixture
def model(tmp_path):
    def made(matter=None, text=None, name="LICENSE"):
        if matter is not None:
            (tmp_path / "README.md").write_text(f"---\n{matter}\n---\n# A model\n")
        if text is not None:
            (tmp_path / name).write_text(text)
        return tmp_path

    return made


def test_the_embedded_model_may_be_used_commercially_and_so_may_its_images():
    licence = model_licence(TINY_FASHION)
    assert (licence.id, licence.model, licence.images) == ("mit", "yes", "yes")


def test_every_licence_has_a_verdict_a_sentence_and_a_link():
    for id, licence in licences().items():
        assert {licence.model, licence.images} <= VERDICTS, id
        assert licence.sentence.endswith("."), id
        assert licence.link.startswith("https://"), id


@pytest.mark.parametrize(
    ("matter", "model_use", "image_use"),
    [
        ("license: apache-2.0", "yes", "yes"),
        ("license: creativeml-openrail-m", *["yes, with use restrictions"] * 2),
        ("license: openrail++", *["yes, with use restrictions"] * 2),
        ("license: [mit]", "yes", "yes"),
        ("license: cc-by-nc-4.0", "no", "unknown"),
        ("license: other\nlicense_name: sai-nc-community", "no", "no"),
        ("license: other\nlicense_name: stabilityai-ai-community", *[BELOW] * 2),
        (
            "license: other\nlicense_name: flux-1-dev-non-commercial-license",
            "no",
            "yes, with use restrictions",
        ),
    ],
)  # fmt: skip
def test_a_card_names_the_licence(matter, model_use, image_use, model):
    licence = model_licence(model(matter))
    assert (licence.model, licence.images) == (model_use, image_use)


@pytest.mark.parametrize(
    ("text", "id"),
    [
        (OPENRAIL, "creativeml-openrail-m"),
        ("CreativeML Open RAIL++-M License\ndated November 24, 2022", "openrail++"),
        ("   Apache License\n     Version 2.0, January 2004\n", "apache-2.0"),
        ("STABILITY AI COMMUNITY LICENSE AGREEMENT\nLast", "stabilityai-ai-community"),
        ("STABILITY AI NON-COMMERCIAL RESEARCH COMMUNITY LICENSE AGREEMENT", "sai-nc-community"),
        ("Attribution-NonCommercial 4.0 International", "cc-by-nc-4.0"),
        ("Attribution-NonCommercial-ShareAlike 4.0 International", "cc-by-nc-sa-4.0"),
        ("Attribution 4.0 International", "cc-by-4.0"),
    ],
)  # fmt: skip
def test_a_licence_file_is_known_by_its_text(text, id, model):
    assert model_licence(model(text=text, name="LICENSE.md")).id == id


def test_a_card_that_says_other_leaves_it_to_the_licence_file(model):
    assert model_licence(model("license: other", OPENRAIL)).id == "creativeml-openrail-m"


def test_a_card_and_a_file_that_differ_are_both_named_and_neither_believed(model):
    licence = model_licence(
        model(
            "license: other\nlicense_name: sai-nc-community",
            "STABILITY AI COMMUNITY LICENSE AGREEMENT",
        )
    )
    assert (licence.id, licence.model, licence.images) == ("unknown",) * 3
    assert "Non-Commercial Research" in licence.name
    assert "Stability AI Community License" in licence.name


@pytest.mark.parametrize(
    ("matter", "said"),
    [
        ("license: other\nlicense_name: my-licence\nlicense_link: https://x.org/l", "https://x.org/l"),
        ("license: [mit, cc-by-nc-4.0]", "several"),
        ("license: [", "no card that names a licence"),
        ("license: unknown", "no card that names a licence"),
        ("tags: [a]", "no card that names a licence"),
        ("- a list", "no card that names a licence"),
    ],
)  # fmt: skip
def test_what_is_not_known_is_said_to_be_unknown(matter, said, model):
    licence = model_licence(model(matter))
    assert (licence.id, licence.model, licence.images) == ("unknown",) * 3
    assert said in licence.sentence
    assert "unknown" in licence.summary


def test_a_file_with_two_licences_decides_nothing(model):
    assert model_licence(
        model(text=OPENRAIL + "\nApache License Version 2.0, January 2004")
    ).id == ("unknown")


def test_an_exported_folder_says_where_to_look(model):
    folder = model()
    (folder / "manifest.json").write_text("{}")
    assert "the model it was made from" in model_licence(folder).sentence


def test_card_and_licence_of_a_hub_model_are_fetched_for_its_revision(tmp_path, monkeypatch):
    asked = []

    def fetched(hub_id, revision, allow_patterns):
        asked.append((hub_id, revision))
        (tmp_path / "README.md").write_text("---\nlicense: openrail++\n---\n")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fetched)
    assert model_licence(tmp_path, "owner/model").id == "openrail++"
    assert asked == [("owner/model", tmp_path.name)]


def test_without_a_network_a_hub_models_licence_is_unknown_and_its_page_named(
    tmp_path, monkeypatch
):
    def failed(*_, **__):
        raise ConnectionError("no network")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", failed)
    licence = model_licence(tmp_path, "owner/model")
    assert licence.id == "unknown"
    assert "https://huggingface.co/owner/model" in licence.sentence


def test_a_link_to_a_file_leads_to_it_on_the_hub(model):
    folder = model("license: other\nlicense_name: mine\nlicense_link: LICENSE.md")
    assert model_licence(folder, "o/m").link == "https://huggingface.co/o/m/blob/main/LICENSE.md"
    assert model_licence(folder).link == ""
