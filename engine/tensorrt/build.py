"""TensorRT plans: built from an exported graph for the GPU here, or ahead of time for another."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from ...base.errors import InputError
from ..graph import DimensionRange, GraphFile, GraphSpec, Profile, TensorSpec
from .attention import mark_attention, with_fusion
from .build_log import BuildLog
from .library import library_version, listening, set_target, tensorrt_library, tensorrt_log
from .report import PLAN, AttentionLayer, BuildReport, write_report
from .tensors import Found, check_tensors, torch_dtype
from .timings import read_timings, write_timings

__all__ = ["build_plan", "plan_ranges"]


def build_plan(
    graph: GraphFile,
    profile: Profile,
    target: str,
    folder: Path,
    *,
    refittable: bool = False,
    timing_cache: Path | None = None,
) -> BuildReport:
    """Build `graph` into a plan for `target` and write it and its report into `folder`.

    Args:
        graph: the exported graph; its precision is the plan's. fp32 may be computed as TF32.
        profile: a range for every dimension that varies.
        target: the GPU, such as `sm_89`; it need not be in this machine.
        folder: exists already.
        refittable: whether weights can be exchanged later. Needs a GPU now, and may cost speed.
        timing_cache: file of what `tensorrt` measured in earlier builds, read and extended;
            `tensorrt_rtx` measures nothing and has none.

    Raises `InputError` for a target that the library does not know and for a graph that it cannot
    read or build.
    """
    ranges = plan_ranges(graph.spec, profile)
    if refittable and not torch.cuda.is_available():
        raise InputError(
            "a plan that can be refitted needs a GPU when it is built, and this machine has none: "
            "build one that cannot, or build on a machine with a GPU"
        )
    messages, started = BuildLog(), time.perf_counter()
    with listening(messages):
        plan, attention = _build(graph, ranges, target, refittable, timing_cache)
    if plan is None:
        raise InputError(
            f"{library_version()} cannot build {graph.spec.name} for {target} "
            f"({(messages.errors or ['no reason given'])[0]}): try another precision or engine"
        )
    with (folder / PLAN).open("wb") as file:
        file.write(memoryview(plan))
    report = BuildReport(
        graph=graph.spec.name,
        structure_digest=graph.structure_digest,
        weights_digest=graph.weights_digest,
        library=library_version(),
        target=target,
        profile=ranges,
        refittable=refittable,
        seconds=time.perf_counter() - started,
        plan_bytes=plan.nbytes,
        weight_bytes=messages.bytes.get("Weights"),
        activation_bytes=messages.bytes.get("Activation"),
        layers=messages.layers,
        attention=with_fusion(attention, messages.layers),
    )
    write_report(report, folder)
    return report


def _build(
    graph: GraphFile, profile: Profile, target: str, refittable: bool, timing_cache: Path | None
) -> tuple[Any, tuple[AttentionLayer, ...]]:
    """The serialised plan, None if TensorRT refuses, and the graph's attention layers."""
    library = tensorrt_library()
    builder = library.Builder(tensorrt_log())
    config = builder.create_builder_config()
    set_target(config, target, refittable)
    _set_flags(config, refittable)
    network = builder.create_network(_network_flags())
    parser = library.OnnxParser(network, tensorrt_log())
    _parse(parser, network, graph)
    attention = mark_attention(network)
    config.add_optimization_profile(_optimization_profile(builder, graph.spec, profile))
    if timing_cache is None or library.__name__ != "tensorrt":
        return builder.build_serialized_network(network, config), attention
    timings = read_timings(config, timing_cache)
    plan = builder.build_serialized_network(network, config)
    write_timings(timings, timing_cache)
    return plan, attention


def plan_ranges(spec: GraphSpec, profile: Profile) -> dict[str, DimensionRange]:
    """The range of every dimension that varies; `InputError` where `profile` lacks one."""
    for name in spec.dimensions():
        if name not in profile:
            raise InputError(
                f"{spec.name} has the dimension {name!r}, for which the profile has no range: "
                "give smallest, best and largest size"
            )
    return {name: profile[name] for name in spec.dimensions()}


def _network_flags() -> int:
    """Precision is the graph's. TensorRT 11 knows no other way and may drop the flag."""
    flags = tensorrt_library().NetworkDefinitionCreationFlag
    return 1 << int(flags.STRONGLY_TYPED) if hasattr(flags, "STRONGLY_TYPED") else 0


def _set_flags(config: Any, refittable: bool) -> None:
    library = tensorrt_library()
    # Layers in full, for the report; it makes plans no larger.
    config.profiling_verbosity = library.ProfilingVerbosity.DETAILED
    if refittable:
        config.set_flag(library.BuilderFlag.REFIT)
    if hasattr(library.BuilderFlag, "REQUIRE_USER_ALLOCATION"):  # tensorrt_rtx, for CUDA graphs
        config.set_flag(library.BuilderFlag.REQUIRE_USER_ALLOCATION)


def _parse(parser: Any, network: Any, graph: GraphFile) -> None:
    """Fill `network`; the weights stay the parser's, which has to outlive the build."""
    if not parser.parse_from_file(str(graph.path)):
        errors = (parser.get_error(index) for index in range(parser.num_errors))
        reasons = [_reason(error) for error in errors]
        raise InputError(
            f"TensorRT cannot read {str(graph.path)!r} ({'; '.join(reasons[:3])}): "
            "export the model again"
        )
    inputs = (network.get_input(index) for index in range(network.num_inputs))
    outputs = (network.get_output(index) for index in range(network.num_outputs))
    check_tensors(f"{str(graph.path)!r}", graph.spec.inputs, _found(inputs))
    check_tensors(f"{str(graph.path)!r}", graph.spec.outputs, _found(outputs))


def _reason(error: Any) -> str:
    node = f"{error.node_operator()} {error.node_name()}: " if error.node_name() else ""
    return node + " ".join(error.desc().split())[:300]


def _found(tensors: Any) -> Found:
    return {tensor.name: (torch_dtype(tensor.dtype), tuple(tensor.shape)) for tensor in tensors}


def _optimization_profile(builder: Any, spec: GraphSpec, profile: Profile) -> Any:
    ranges = builder.create_optimization_profile()
    for wanted in spec.inputs:
        ranges.set_shape(wanted.name, *_shapes(wanted, profile))
    return ranges


def _shapes(wanted: TensorSpec, profile: Profile) -> Sequence[tuple[int, ...]]:
    """The smallest, best and largest shape of an input."""
    sizes = [
        (size, size, size) if isinstance(size, int) else vars(profile[size]).values()
        for size in wanted.shape
    ]
    return list(zip(*sizes, strict=True))
