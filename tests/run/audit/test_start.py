"""Auditing recipes: what is generated, kept, ranked and written."""

import json

import pytest
import yaml
from coloured import coloured
from pages import Page, loaded_by

from zeroreal.base import InputError
from zeroreal.generate import GenerateSettings, Generator, load_recipe
from zeroreal.run import AuditInterruptedError, AuditSettings, run_audit

QUICK = GenerateSettings(
    steps=1, engine="torch", precision="fp32", tune="off", batch_size=10, unet="own"
)
CANDIDATES = ("random-guidance", "multi-domain", "base,guidance=2,steps=2")


def settings(**changes):
    given = {"candidates": CANDIDATES, "images_per_class": 2, "neighbours": 2, "device": "cpu"}
    return AuditSettings(**{**given, "generate": QUICK, **changes})


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    path = tmp_path_factory.mktemp("captions") / "captions.txt"
    path.write_text("a bag\nan image of a coat\na dog\n")
    return str(path)


@pytest.fixture
def calls(monkeypatch):
    """How many specs each call of a generator got."""
    seen, real = [], Generator.generate

    def generate(self, specs, *rest, **how):
        specs = list(specs)
        seen.append(len(specs))
        return real(self, specs, *rest, **how)

    monkeypatch.setattr(Generator, "generate", generate)
    return seen


def test_an_audit_ranks_recipes_and_writes_a_page(colour_encoder, corpus, dataset, tmp_path):
    told = []
    reference, out = dataset("real", *coloured(40, 8)), tmp_path / "out"
    found = run_audit(settings(reference=reference, captions=corpus), out, told.append)
    assert colour_encoder == ["embedded"]
    assert {one.name for one in found.candidates} == set(CANDIDATES)
    assert found.reference_images == 40
    coverages = [one.equal_time.coverage for one in found.candidates]
    assert coverages == sorted(coverages, reverse=True)
    for one in found.candidates:
        assert (one.images, one.planned) == (20, 20)
        assert one.images_per_second > 0
        assert 3 <= one.equal_time.images <= 20
    assert max(one.equal_time.images for one in found.candidates) == 20
    assert (found.captions.captions, found.captions.by_class[8]) == (3, 1)
    assert "sandal" in found.unknown_names
    content = json.loads((out / "audit.json").read_text())
    assert [one["name"] for one in content["candidates"]] == [one.name for one in found.candidates]
    assert {one.stage for one in told} >= {"audit", "generate"}
    page = Page(out / "audit.html")
    assert loaded_by(out / "audit.html") == []
    assert len(page.all("img")) == 3
    assert "Names that are alike" in page.text
    assert "3 captions of" in page.text
    assert all(name in page.text for name in CANDIDATES)


def test_domains_and_guidance_are_those_of_the_prompts(colour_encoder, tmp_path):
    found = run_audit(settings(images_per_class=10, candidates=CANDIDATES[:2]), tmp_path / "out")
    by_name = {one.name: one.agreement for one in found.candidates}
    assert set(by_name["multi-domain"].by_domain) == set(load_recipe("multi-domain").domains)
    assert list(by_name["random-guidance"].by_guidance) == ["1", "2", "3", "4", "5"]
    assert by_name["random-guidance"].by_domain == {}


def test_the_recipe_that_is_written_is_the_best_one_s(
    colour_encoder, dataset, tmp_path, monkeypatch
):
    monkeypatch.setattr("zeroreal.run.audit.yardsticks.suspicions", lambda *_: ())
    one = ("base,guidance=2,steps=2",)
    out = tmp_path / "out"
    found = run_audit(settings(candidates=one, reference=dataset("real", *coloured(40, 8))), out)
    recipe = yaml.safe_load((out / "recipe.yaml").read_text())
    assert (recipe["prompt"], recipe["guidance"]) == ("an image of a {class}", 2)
    assert found.command.startswith(f"zeroreal run --recipe {out / 'recipe.yaml'} ")
    assert "--steps 2" in found.command
    assert found.best.name == one[0]
    again = run_audit(settings(candidates=one), out)  # nothing to rank by
    assert again.command is None
    assert not (out / "recipe.yaml").exists()


def test_an_interrupted_audit_goes_on_with_what_was_finished(colour_encoder, calls, tmp_path):
    def stop(progress):
        if (progress.stage, progress.note) == ("audit", "multi-domain"):
            raise KeyboardInterrupt

    with pytest.raises(AuditInterruptedError, match="with 1 of 3 candidates done"):
        run_audit(settings(), tmp_path / "out", stop)
    assert calls == [10, 20]  # the first batch is made twice, to be warm
    calls.clear()
    found = run_audit(settings(), tmp_path / "out")
    assert calls == [10, 20, 10, 20]
    calls.clear()
    again = run_audit(settings(), tmp_path / "out")
    assert calls == []
    assert [one.agreement for one in again.candidates] == [
        one.agreement for one in found.candidates
    ]
    rates = {one.name: one.images_per_second for one in found.candidates}
    assert {one.name: one.images_per_second for one in again.candidates} == rates


@pytest.mark.parametrize(
    "changes",
    [{"seed": 1}, {"images_per_class": 3}, {"classes": ("coat", "bag"), "encoder": "colours"}],
)
def test_what_is_not_the_same_is_made_anew(changes, colour_encoder, calls, tmp_path):
    one = {"candidates": ("base,guidance=1,steps=1",)}
    run_audit(settings(**one), tmp_path / "out")
    before = len(calls)
    run_audit(settings(**one, **changes), tmp_path / "out")
    assert len(calls) == 2 * before


@pytest.mark.parametrize("damage", [lambda b: b[:-5], lambda b: b[:-1] + bytes([b[-1] ^ 1])])
def test_kept_images_that_are_damaged_are_named(colour_encoder, tmp_path, damage):
    one = settings(candidates=("base,guidance=1,steps=1",))
    run_audit(one, tmp_path / "out")
    (kept,) = (tmp_path / "out" / "images").iterdir()
    kept.write_bytes(damage(kept.read_bytes()))
    with pytest.raises(InputError, match=r"images of an audit .* cannot be read .*: remove it"):
        run_audit(one, tmp_path / "out")


def test_a_folder_of_something_else_is_not_written_to(colour_encoder, tmp_path):
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(InputError, match="is not empty: choose another"):
        run_audit(settings(), tmp_path)


def test_more_images_than_fit_are_refused(colour_encoder, tmp_path, monkeypatch):
    monkeypatch.setattr("zeroreal.run.audit.images.free_memory", lambda device: 1000)
    with pytest.raises(InputError, match="20 images of 32 pixels a side take"):
        run_audit(settings(), tmp_path / "out")


def test_classes_that_a_prompt_file_lacks_are_found_before_anything_is_generated(
    colour_encoder, calls, tmp_path
):
    path = tmp_path / "prompts.json"
    path.write_text('{"coat": ["a coat"], "bag": ["a bag"]}')
    with pytest.raises(InputError, match="t-shirt"):
        run_audit(settings(candidates=("base", str(path))), tmp_path / "out")
    assert calls == []
