"""The plan of shards: ranges, names, and which are missing."""

import pytest

from zeroreal.generate.dataset.commit.shards import ShardPlan, ShardRange, parse_stem

DIGEST = "0123456789abcdef" * 4
PLAN = ShardPlan((10,), 4, DIGEST)
EXTENDED = ShardPlan((10, 15), 4, DIGEST)


def test_every_sample_is_in_one_shard():
    for plan in (PLAN, EXTENDED, ShardPlan((4, 8, 9), 4, DIGEST), ShardPlan((1,), 1000, DIGEST)):
        samples = [index for shard in plan for index in range(shard.first, shard.end)]
        assert samples == list(range(plan.samples))
        assert len(list(plan)) == len(plan)


def test_the_last_shard_of_an_extent_is_as_short_as_what_is_left():
    assert [len(shard) for shard in PLAN] == [4, 4, 2]


def test_an_extension_leaves_the_shards_that_were_there():
    assert list(EXTENDED)[:3] == list(PLAN)
    assert list(EXTENDED)[3:] == [ShardRange(3, 10, 14), ShardRange(4, 14, 15)]


def test_a_name_says_number_range_and_digest():
    assert PLAN.stem(PLAN[1]) == "000001-000000004-000000007-01234567"


def test_a_name_is_read_back():
    for shard in EXTENDED:
        assert parse_stem(EXTENDED.stem(shard)) == (shard, "01234567")


@pytest.mark.parametrize("name", ["README", "000001", "000001-000000004-000000007-0123456", ""])
def test_other_names_are_no_shards(name):
    assert parse_stem(name) is None


def test_all_names_come_in_order():
    assert list(EXTENDED.files(".tar")) == [f"{EXTENDED.stem(shard)}.tar" for shard in EXTENDED]


def test_what_is_not_listed_is_missing():
    names = [f"{PLAN.stem(PLAN[number])}.tar" for number in (0, 2)]
    assert PLAN.missing(names, ".tar") == [1]


def test_files_of_another_kind_or_dataset_or_range_do_not_count():
    other = ShardPlan((10,), 4, "f" * 64)
    longer = ShardPlan((12,), 4, DIGEST)  # its last shard has another range
    names = [f"{PLAN.stem(PLAN[0])}.parquet", f"{other.stem(other[1])}.tar"]
    names.append(f"{longer.stem(longer[2])}.tar")
    assert PLAN.missing(names, ".tar") == [0, 1, 2]


def test_a_sample_is_found_in_its_shard():
    for plan in (PLAN, EXTENDED):
        for index in range(plan.samples):
            shard = plan.shard_of(index)
            assert shard.first <= index < shard.end
            assert plan[shard.number] == shard


@pytest.mark.parametrize("index", [-1, 10])
def test_a_sample_outside_is_in_no_shard(index):
    with pytest.raises(IndexError, match="10"):
        PLAN.shard_of(index)


@pytest.mark.parametrize("number", [-1, 3])
def test_a_shard_outside_is_refused(number):
    with pytest.raises(IndexError, match="3"):
        PLAN[number]


def test_images_of_shards_are_summed():
    for numbers in ([], [0], [2], [2, 4], [0, 1, 2, 3, 4]):
        assert EXTENDED.images_in(numbers) == sum(len(EXTENDED[number]) for number in numbers)


def test_names_that_are_not_text_are_no_shards():
    there = [
        f"{PLAN.stem(PLAN[1])}.tar",
        "\udcff.tar",
    ]  # bytes, as the system says
    assert PLAN.missing(there, ".tar") == [0, 2]
    assert PLAN.missing([], ".tar") == [0, 1, 2]
