"""Prompts with what a dictionary says of a class, and where there is no dictionary."""

import builtins

import pytest
from small_wordnet import tiny_wordnet

from zeroreal.base import InputError
from zeroreal.generate import SamplePlan, load_recipe, parse_classes
from zeroreal.generate.plan.content import recipe_content
from zeroreal.generate.plan.wordnet import dictionary_values, load_wordnet

TEXT = "prompt: a {class}, a {hypernym}, {gloss}\n"


@pytest.fixture
def recipe(tmp_path):
    (tmp_path / "mine.yaml").write_text(TEXT)
    return load_recipe(tmp_path / "mine.yaml")


@pytest.fixture
def wordnet(tmp_path):
    dictionary_values.cache_clear()
    with tiny_wordnet(tmp_path / "nltk_data") as found:
        yield found
    dictionary_values.cache_clear()


def test_a_class_is_told_with_what_it_is_and_means(recipe, wordnet):
    plan = SamplePlan(recipe, parse_classes(["crane", "truck: lorry"]), 1)
    assert [spec.prompt for spec in plan] == [
        "a crane, a bird, large long-necked wading bird",
        "a lorry, an object, a large truck",
    ]


def test_the_dictionary_is_part_of_what_identifies_a_recipe(recipe, wordnet, monkeypatch):
    before = recipe_content(recipe)
    monkeypatch.setattr(wordnet, "get_version", lambda: "3.1")
    assert recipe_content(recipe) != before
    assert "wordnet" not in recipe_content(load_recipe("base"))["leaves"][0]


@pytest.mark.parametrize("name", ["zzz", "thing"])
def test_a_class_that_it_does_not_know_is_refused(recipe, wordnet, name):
    with pytest.raises(InputError, match=f"class '{name}' is no noun that WordNet knows as a kind"):
        SamplePlan(recipe, parse_classes(["crane", name]), 1)


def test_without_data_a_plan_is_refused_in_one_sentence(recipe, monkeypatch):
    dictionary_values.cache_clear()
    without_data(monkeypatch)
    with pytest.raises(InputError, match="its data are not installed: python -m nltk"):
        SamplePlan(recipe, parse_classes(["crane", "heron"]), 1)


def without_data(monkeypatch):
    nltk = pytest.importorskip("nltk")
    monkeypatch.setattr(nltk.data, "path", [])
    nowhere = nltk.corpus.LazyCorpusLoader(
        "wordnet-of-nowhere", nltk.corpus.reader.wordnet.WordNetCorpusReader, None
    )
    monkeypatch.setattr(nltk.corpus, "wordnet", nowhere)


def test_a_dictionary_that_is_not_installed_is_said_to_be(monkeypatch):
    real = builtins.__import__

    def without(name, *rest):
        if name.startswith("nltk"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match="nltk is not installed: pip install"):
        load_wordnet()


def test_data_that_are_not_installed_are_said_to_be(monkeypatch):
    without_data(monkeypatch)
    with pytest.raises(InputError, match="its data are not installed: python -m nltk"):
        load_wordnet()
