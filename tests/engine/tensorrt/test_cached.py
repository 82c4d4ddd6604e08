"""Plans in the cache: built once, and told apart by what makes them differ."""

import importlib.util
from dataclasses import replace

import pytest

from zeroreal.engine.cache import Cache
from zeroreal.engine.graph import DimensionRange
from zeroreal.engine.tensorrt.cached import cached_plan, plan_key
from zeroreal.engine.tensorrt.report import read_report

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("tensorrt_rtx") is None
    or importlib.util.find_spec("tensorrt") is not None,
    reason="only tensorrt_rtx builds for other GPUs",
)

PROFILE = {"batch": DimensionRange(1, 4, 8), "rows": DimensionRange(1, 8, 16)}


def test_a_plan_is_built_once_for_each_target(graph, tmp_path, monkeypatch):
    cache = Cache(tmp_path / "cache")
    folders = [cached_plan(graph(), PROFILE, target, cache) for target in ("sm_80", "sm_89")]
    assert [read_report(folder).target for folder in folders] == ["sm_80", "sm_89"]
    monkeypatch.setattr(
        "zeroreal.engine.tensorrt.build.build_plan", lambda *_, **__: pytest.fail("it is built")
    )
    assert cached_plan(graph(), PROFILE, "sm_89", cache) == folders[1]
    assert cache.verify()[0].problem is None


def test_a_plan_s_key_tells_apart_what_makes_plans_differ(graph, monkeypatch):
    monkeypatch.setattr("zeroreal.engine.tensorrt.cached.driver_version", lambda: "13020")
    keys = [
        plan_key(graph(), PROFILE, "sm_89"),
        plan_key(graph(), PROFILE, "sm_89", ahead_of_time=True),
        plan_key(graph(), PROFILE, "sm_89", refittable=True),
        plan_key(graph(), PROFILE, "sm_86"),
        plan_key(graph(), {**PROFILE, "batch": DimensionRange(1, 8, 8)}, "sm_89"),
        plan_key(replace(graph(), structure_digest="other"), PROFILE, "sm_89"),
        plan_key(replace(graph(), weights_digest="other"), PROFILE, "sm_89"),
    ]
    assert len({key.digest for key in keys}) == len(keys)
    assert keys[0].driver == "13020"
    assert keys[1].driver is None


def test_a_refittable_plan_serves_all_weights_of_its_architecture(graph):
    build = {"profile": PROFILE, "target": "sm_89", "ahead_of_time": True}
    one, other = graph(), replace(graph(), weights_digest="other")
    assert plan_key(one, refittable=True, **build) == plan_key(other, refittable=True, **build)
    assert plan_key(one, **build) != plan_key(other, **build)
