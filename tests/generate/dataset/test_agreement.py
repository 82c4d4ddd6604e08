"""Datasets whose images have to agree with their class by a dual encoder."""

import json
import shutil
from collections import Counter
from dataclasses import replace

import pytest
from dataset_jobs import files, generate, is_sound
from safetensors.torch import load_file, save_file

from zeroreal.assets import TINY_CLIP, TINY_FASHION
from zeroreal.base import InputError
from zeroreal.generate.dataset.checking.fixing import fix_dataset
from zeroreal.generate.dataset.checking.verify import verify_dataset
from zeroreal.generate.dataset.describing import read_records
from zeroreal.generate.dataset.job import make_dataset
from zeroreal.generate.dataset.opening import open_dataset
from zeroreal.generate.dataset.store.store import LocalStore


@pytest.fixture(scope="module")
def strict(dataset_settings):
    """Some images of two steps are not so sure, and some never get there."""
    return replace(
        dataset_settings,
        classes=("bag", "coat", "dress"),
        recipe="merged",
        images_per_class=20,
        shard_size=30,
        encoder="embedded",
        least_agreement=0.9,
        most_attempts=3,
        generate=replace(dataset_settings.generate, batch_size=10),
    )


@pytest.fixture(scope="module")
def made(strict, tmp_path_factory):
    folder = tmp_path_factory.mktemp("agreement") / "set"
    return folder, generate(strict, folder)


@pytest.fixture
def encoder(tmp_path):
    """A copy of the embedded encoder, to change."""
    return shutil.copytree(TINY_CLIP, tmp_path / "encoder")


def rows_of(records, by):
    groups = Counter()
    for record in records:
        for name, group in record.groups[by].items():
            groups[name, "images"] += group.images
            groups.update({(name, reason): count for reason, count in group.rejected.items()})
    return groups


def test_what_disagrees_is_made_again_and_classes_stay_balanced(made, strict):
    folder, result = made
    assert result.is_complete
    assert is_sound(folder)
    records = read_records(LocalStore(folder), open_dataset(LocalStore(folder), strict).config)
    assert sum((Counter(record.classes) for record in records), Counter()) == {
        "bag": 20,
        "coat": 20,
        "dress": 20,
    }
    rejected = sum(count["disagreement"] for one in records for count in one.rejected.values())
    assert rejected > 5
    assert result.rejected == f"disagreement {rejected}"
    for by, names in (
        ("domain", {"", "photo", "sketch", "stick figure"}),
        ("guidance", {"1", "7.5"}),
    ):
        found = rows_of(records, by)
        assert names <= {name for name, _ in found}
        for what, total in (("images", 60), ("disagreement", rejected)):
            assert sum(count for (_, one), count in found.items() if one == what) == total


def test_the_card_says_so_by_class_domain_and_guidance(made):
    card = (made[0] / "README.md").read_text()
    assert "| agreement with the class | at least 0.9 by embedded (" in card
    assert "| domain | images | made again |" in card
    assert "| guidance | images | made again |" in card
    assert card.index("\n| 1 | ") < card.index("\n| 7.5 | ")
    assert "disagreement" in card[card.index("| label | class") : card.index("## Quality")]


def test_a_record_that_is_lost_is_written_with_the_same_counts(made, tmp_path):
    folder = shutil.copytree(made[0], tmp_path / "copy")
    record = next(folder.glob("000001-*.json"))
    before = json.loads(record.read_text())
    record.unlink()
    store = LocalStore(folder)
    fix_dataset(store, verify_dataset(store))
    after = json.loads(record.read_text())
    assert before["groups"]["domain"]
    assert {name: after[name] for name in ("groups", "rejected", "classes")} == {
        name: before[name] for name in ("groups", "rejected", "classes")
    }


def test_two_workers_make_again_what_one_does(made, strict, tmp_path, content):
    """Each with an encoder of its own, the later shard first."""
    store = LocalStore(tmp_path / "two")
    for number in (1, 0):
        make_dataset(open_dataset(store, strict), numbers=[number])
    assert content(store.root) == content(made[0])


def test_the_encoder_may_lie_elsewhere_but_not_be_another(made, strict, encoder):
    assert generate(replace(strict, encoder=str(encoder)), made[0]).made == 0
    tensors = load_file(encoder / "model.safetensors")
    tensors["logit_scale"] += 1
    save_file(tensors, encoder / "model.safetensors", {"format": "pt"})
    before = files(made[0])
    with pytest.raises(InputError, match=r"encoder's digest is '.*' here and '.*' there"):
        generate(replace(strict, encoder=str(encoder)), made[0])
    with pytest.raises(InputError, match=r"least_agreement is 0\.5 here and 0\.9 there"):
        generate(replace(strict, least_agreement=0.5), made[0])
    with pytest.raises(InputError, match=r"encoder's digest is None here and '.*' there"):
        generate(replace(strict, encoder=None, least_agreement=None), made[0])
    assert files(made[0]) == before


def _pickled(folder):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def _speechless(folder):
    for name in ("vocab.json", "merges.txt", "tokenizer_config.json"):
        (folder / name).unlink()


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (shutil.rmtree, "encoder folder '.*' does not exist"),
        (_pickled, "has its weights only as pickle"),
        (_speechless, "has no tokenizer"),
    ],
)
def test_an_encoder_that_cannot_be_used_begins_no_dataset(
    small_settings, encoder, tmp_path, damage, said
):
    damage(encoder)
    with pytest.raises(InputError, match=said):
        generate(small_settings(encoder=str(encoder)), tmp_path / "set")
    assert not files(tmp_path / "set")


def test_a_model_of_another_kind_is_no_encoder(small_settings, tmp_path):
    with pytest.raises(InputError, match="give a dual encoder's"):
        generate(small_settings(encoder=str(TINY_FASHION)), tmp_path)


def test_a_probability_without_an_encoder_or_out_of_range_is_refused(small_settings):
    with pytest.raises(InputError, match="name a dual encoder with --encoder"):
        small_settings(least_agreement=0.5)
    with pytest.raises(InputError, match="least agreement is 1: it must be above 0 and below 1"):
        small_settings(encoder="embedded", least_agreement=1)
