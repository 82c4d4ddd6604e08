"""PyTorch, compiled ahead of time by AOTInductor: a package in the cache that any process loads.

Loading imports neither the compiler nor the library that the module came from. A package holds the
weights, code for one device and one number of CPU threads, and the names of operators of ours that
it calls: the module that registers those has to be imported before it is loaded.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ...base.device import describe_device, driver_version, instruction_set
from ...base.errors import InputError
from ..cache import Cache
from ..cache_entry import CacheKey
from ..graph import GraphSpec, Profile, TensorSpec, check_inputs
from .eager import named_outputs

__all__ = [
    "CompiledTorchEngine",
    "compile_module",
    "compiled_engine",
    "compiler_not_supported_reasons",
]

_PACKAGE = "model.pt2"

_CPU_OPTIONS: dict[str, Any] = {"freezing": True}
# As in diffusers' guide to torch.compile: made for fixed shapes and channels-last weights.
_CUDA_OPTIONS: dict[str, Any] = {
    "max_autotune": True,
    "conv_1x1_as_mm": True,
    "coordinate_descent_tuning": True,
    "coordinate_descent_check_all_directions": True,
    "epilogue_fusion": False,
}


class CompiledTorchEngine:
    """A package that `compile_module` made; see `Engine`. For one thread at a time.

    Args:
        folder: where the package lies.
        spec: what the module took and gave.
        profile: the ranges that it was compiled for.
        device: of the same type as the one that it was compiled for.
    """

    backend = "torch"

    def __init__(
        self, folder: Path, spec: GraphSpec, profile: Profile, device: torch.device
    ) -> None:
        self.spec, self.device, self.profile = spec, device, profile
        # `torch._inductor.aoti_load_package` does the same but imports the compiler, over a second.
        self._model = torch._C._aoti.AOTIModelPackageLoader(
            str(folder / _PACKAGE),
            "model",
            True,  # single-threaded: the other way queries events, which CUDA graphs cannot hold
            1,
            -1 if device.index is None else device.index,
        )

    @torch.inference_mode()
    def __call__(
        self, inputs: Mapping[str, Tensor], outputs: Mapping[str, Tensor] | None = None
    ) -> dict[str, Tensor]:
        """Run the compiled module; see `Engine`."""
        remedy = "give a size within it or build for a wider range"
        check_inputs(self.spec, inputs, self.device, self.profile, remedy)
        # The code assumes the strides that it was compiled with.
        ordered = [inputs[wanted.name].contiguous() for wanted in self.spec.inputs]
        return named_outputs(self.spec, self._model.boxed_run(ordered), outputs)


def compiled_engine(
    make_module: Callable[[], nn.Module],
    spec: GraphSpec,
    profile: Profile,
    device: torch.device,
    digest: str,
    cache: Cache,
) -> CompiledTorchEngine:
    """The compiled engine out of `cache`; `make_module` is called only if it is not there.

    Args:
        make_module: makes what `TorchEngine` takes, with the weights.
        spec: what the module takes and gives.
        profile: a range for every dimension that varies.
        device: where it is compiled and runs.
        digest: tells modules apart whose code or weights differ.
        cache: where packages are kept.

    Raises `InputError` where it has to be compiled and cannot be.
    """

    def build(folder: Path) -> None:
        compile_module(make_module, spec, profile, device, folder)

    folder = cache.get(_key(spec, profile, device, digest), build)
    return CompiledTorchEngine(folder, spec, profile, device)


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
                package_path=str(folder / _PACKAGE),
                inductor_configs=_options(device),
            )


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
    dims = {
        name: torch.export.Dim(name, min=profile[name].smallest, max=profile[name].largest)
        for name in spec.dimensions()
        if profile[name].smallest < profile[name].largest
    }
    return {
        wanted.name: {i: dims[size] for i, size in enumerate(wanted.shape) if size in dims}
        for wanted in spec.inputs
    }


def _options(device: torch.device) -> dict[str, Any]:
    return dict(_CUDA_OPTIONS if device.type == "cuda" else _CPU_OPTIONS)


def _key(spec: GraphSpec, profile: Profile, device: torch.device, digest: str) -> CacheKey:
    ranges = {name: list(vars(profile[name]).values()) for name in spec.dimensions()}
    return CacheKey(
        kind="torch",
        name=spec.name,
        graph=digest,
        options={"spec": repr(spec), "profile": ranges, **_options(device)},
        library=f"torch {torch.__version__}",
        device=f"{describe_device(device)}, {instruction_set(device)}",
        driver=driver_version() if device.type == "cuda" else None,
    )


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
