"""Which of the plans beside an exported graph serves."""

import pytest

from zeroreal.assets import TINY_FASHION
from zeroreal.base import InputError
from zeroreal.engine import BuiltPlan, DimensionRange, GraphFile, GraphSpec
from zeroreal.export.engines.exported import _fitting

GRAPH = GraphFile(TINY_FASHION, GraphSpec("denoise", (), ()), "structure", "weights")


def profile(smallest, best, largest):
    return {"batch": DimensionRange(smallest, best, largest)}


def test_the_smallest_plan_that_serves_is_taken():
    plans = [BuiltPlan(profile(1, 8, 64), False), BuiltPlan(profile(1, 8, 16), False)]
    assert _fitting(GRAPH, profile(1, 12, 12), plans) == plans[1]
    assert _fitting(GRAPH, profile(1, 32, 32), plans) == plans[0]
    assert _fitting(GRAPH, profile(1, 32, 32), []).profile == profile(1, 32, 32)


def test_a_batch_outside_every_plan_is_refused_with_the_ranges():
    plans = [BuiltPlan(profile(1, 8, 16), False), BuiltPlan(profile(8, 8, 64), False)]
    with pytest.raises(InputError) as caught:
        _fitting(GRAPH, profile(1, 32, 32), plans)
    message = str(caught.value)
    assert "batch 1 to 32" in message
    assert "batch 1 to 16; batch 8 to 64" in message
    assert "zeroreal build DIR --engine tensorrt --batch" in message
