"""The list of parts."""

import pytest

from zeroreal.benchmarks.generation.contender import parse_contender
from zeroreal.benchmarks.gpu.parts import PARTS
from zeroreal.benchmarks.waterfall.chain import chain, chosen


def test_each_part_is_likely_to_end_within_eight_minutes():
    assert max(part.minutes for part in PARTS.values()) <= 8


def test_each_part_has_a_file_of_its_own():
    assert len({part.file for part in PARTS.values()}) == len(PARTS)


@pytest.mark.parametrize("name", PARTS)
def test_contenders_and_rows_of_each_part_are_known(name):
    settings = PARTS[name].build()
    if PARTS[name].benchmark == "throughput":
        contenders = [parse_contender(text) for text in settings.contenders]
        assert len(contenders) > 1
        assert all(one.batch_size is not None for one in contenders), "searching takes minutes"
    if PARTS[name].benchmark == "waterfall":
        links = chosen(chain("cuda", "bf16", 20, True), settings.rows)
        assert [link.name for link in links] == list(settings.rows)
