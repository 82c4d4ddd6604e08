"""Compiling a module by AOTInductor into a package that any process loads."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ...base.errors import InputError
from ..graph import GraphSpec, Profile, TensorSpec

PACKAGE = "model.pt2"

_CPU_OPTIONS: dict[str, Any] = {"freezing": True}
# As in diffusers' guide to torch.compile: made for fixed shapes and channels-last weights.
_CUDA_OPTIONS: dict[str, Any] = {
    "max_autotune": True,
    "conv_1x1_as_mm": True,
    "coordinate_descent_tuning": True,
    "coordinate_descent_check_all_directions": True,
    "epilogue_fusion": False,
}


def compile_module(
    make_module: Callable[[], nn.Module],
    spec: GraphSpec,
    profile: Profile,
    device: torch.device,
    folder: Path,
) -> None:
    """Compile what `make_module` makes into a package in `folder`.

    A dimension whose range in `profile` is one size is compiled for that size. Raises `InputError`
    where there is no working compiler.
    """
    if reasons := compiler_not_supported_reasons():
        raise InputError(
            f"{spec.name} cannot be compiled: {'; '.join(reasons)}, or use the torch engine "
            "without compiling"
        )
    from torch._inductor import aoti_compile_and_package
    from torch._inductor.runtime.cache_dir_utils import temporary_cache_dir

    # Weights made in inference mode could not be exported.
    with torch.inference_mode(False), torch.no_grad():
        module = make_module().to(device).eval()
        examples = {wanted.name: _example(wanted, profile, device) for wanted in spec.inputs}
        shapes = _dynamic_shapes(spec, profile)
        program = torch.export.export(module, (), examples, dynamic_shapes=shapes)
        with (
            tempfile.TemporaryDirectory(dir=folder) as intermediate,
            temporary_cache_dir(intermediate),
            _compiler_errors(spec),
        ):
            aoti_compile_and_package(
                program,
                package_path=str(folder / PACKAGE),
                inductor_configs=compile_options(device),
            )
        _check_dimensions(program, spec, shapes)


def compiler_not_supported_reasons() -> tuple[str, ...]:
    """Why nothing can be compiled on this machine; what is in the cache runs all the same."""
    from torch._inductor.cpp_builder import get_cpp_compiler
    from torch._inductor.exc import InvalidCxxCompiler

    try:
        get_cpp_compiler()
    except InvalidCxxCompiler:
        return ("there is no C++ compiler: install g++ or name one in CXX",)
    return ()


def _example(wanted: TensorSpec, profile: Profile, device: torch.device) -> Tensor:
    """An input of the size that the engine is tuned for; zeros, which are valid as indices too."""
    shape = [_traced(size, profile) if isinstance(size, str) else size for size in wanted.shape]
    return torch.zeros(shape, dtype=wanted.dtype, device=device)


def _traced(name: str, profile: Profile) -> int:
    """The size to trace with: a dimension of 1 would be taken for one that is always 1."""
    sizes = profile[name]
    return min(max(sizes.best, 2), sizes.largest)


def _dynamic_shapes(spec: GraphSpec, profile: Profile) -> dict[str, dict[int, Any]]:
    # One more than is asked for: a convolution has the compiler distinguish batches of 16 and more,
    # and where 16 is the most, it would compile for 16 alone.
    dims = {
        name: torch.export.Dim(name, min=profile[name].smallest, max=profile[name].largest + 1)
        for name in spec.dimensions()
        if profile[name].smallest < profile[name].largest
    }
    return {
        wanted.name: {i: dims[size] for i, size in enumerate(wanted.shape) if size in dims}
        for wanted in spec.inputs
    }


def _check_dimensions(
    program: torch.export.ExportedProgram, spec: GraphSpec, shapes: dict[str, dict[int, Any]]
) -> None:
    """Raise `RuntimeError` where the compiler took a dimension that varies for a fixed one.

    Such code reads beyond smaller inputs, without a word.
    """
    inputs = {node.name: node for node in program.graph.find_nodes(op="placeholder")}
    for name, dims in shapes.items():
        for place, dim in dims.items():
            size = inputs[name].meta["val"].shape[place]
            known = size.node.shape_env.replace(size.node.expr)
            if known.is_number:
                raise RuntimeError(
                    f"PyTorch compiled {spec.name} for {dim.__name__} {known} alone, of a range"
                )


def compile_options(device: torch.device) -> dict[str, Any]:
    """What the compiler is told; part of the key that a package is cached under."""
    return dict(_CUDA_OPTIONS if device.type == "cuda" else _CPU_OPTIONS)


@contextmanager
def _compiler_errors(spec: GraphSpec) -> Iterator[None]:
    from torch._inductor.exc import CppCompileError, InductorError

    try:
        yield
    except InductorError as error:
        cause = error.inner_exception
        if not isinstance(cause, CppCompileError):
            raise
        lines = cause.output.splitlines()
        said = next((line for line in lines if "error" in line), cause.output)
        raise InputError(
            f"{spec.name} cannot be compiled, the C++ compiler says {said.strip()!r}: install what "
            "it lacks, or use the torch engine without compiling"
        ) from error
