"""Plans in the cache: under which key, for which sizes, and how they get there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ...base.device import driver_version
from ..cache import Cache
from ..cache_entry import CacheKey
from ..graph import DimensionRange, GraphFile, Profile
from .build import build_plan, plan_ranges
from .library import library_version

__all__ = ["BuiltPlan", "built_plans", "cached_plan", "plan_key"]

_KIND = "tensorrt"


def cached_plan(
    graph: GraphFile,
    profile: Profile,
    target: str,
    cache: Cache,
    *,
    refittable: bool = False,
    ahead_of_time: bool = True,
) -> Path:
    """The folder of a plan in `cache`, built as by `build_plan` if it is not there yet."""
    key = plan_key(graph, profile, target, refittable=refittable, ahead_of_time=ahead_of_time)
    timings = cache.root / "timings" / f"{library_version().replace(' ', '-')}-{target}.bin"

    def build(folder: Path) -> None:
        build_plan(graph, profile, target, folder, refittable=refittable, timing_cache=timings)

    return cache.get(key, build)


@dataclass(frozen=True)
class BuiltPlan:
    """What a plan in the cache was built for."""

    profile: Profile
    refittable: bool


def built_plans(graph: GraphFile, target: str, cache: Cache) -> list[BuiltPlan]:
    """The plans of `graph` for `target` in `cache`, whatever the profile."""
    own = {refittable: _graph_key(graph, refittable) for refittable in (False, True)}
    found = []
    for entry in cache.entries():
        key = entry.key
        if key is None or (key.kind, key.device, key.library) != (_KIND, target, library_version()):
            continue
        if key.graph == own[bool(key.options["refittable"])]:
            ranges = key.options["profile"].items()
            profile = {name: DimensionRange(*sizes) for name, sizes in ranges}
            found.append(BuiltPlan(profile, bool(key.options["refittable"])))
    return found


def _graph_key(graph: GraphFile, refittable: bool) -> str:
    weights = () if refittable else (graph.weights_digest,)
    return "/".join((graph.structure_digest, *weights))


def plan_key(
    graph: GraphFile,
    profile: Profile,
    target: str,
    *,
    refittable: bool = False,
    ahead_of_time: bool = False,
) -> CacheKey:
    """The key of a plan in the cache; a refittable one serves all weights of the architecture.

    Without `ahead_of_time` it is that of a plan built on the GPU at hand, and names its driver.
    """
    return CacheKey(
        kind=_KIND,
        name=graph.spec.name,
        graph=_graph_key(graph, refittable),
        options={
            "profile": {
                name: list(vars(sizes).values())
                for name, sizes in plan_ranges(graph.spec, profile).items()
            },
            "refittable": refittable,
        },
        library=library_version(),
        device=target,
        driver=None if ahead_of_time else driver_version(),
    )
