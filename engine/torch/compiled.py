"""PyTorch, compiled ahead of time by AOTInductor: a package in the cache that any process loads.

Loading imports neither the compiler nor the library that the module came from. A package holds the
weights, code for one device and one number of CPU threads, and the names of operators of ours that
it calls: the module that registers those has to be imported before it is loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from ...base.device import describe_device, driver_version, instruction_set
from ..cache import Cache
from ..cache_entry import CacheKey
from ..graph import GraphSpec, Profile, check_inputs
from .compiler import PACKAGE, compile_module, compile_options
from .eager import named_outputs

_FORMAT = 2  # packages of 1 could be for one size alone where a range ended at 16


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
            str(folder / PACKAGE),
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


def _key(spec: GraphSpec, profile: Profile, device: torch.device, digest: str) -> CacheKey:
    ranges = {name: list(vars(profile[name]).values()) for name in spec.dimensions()}
    return CacheKey(
        kind="torch",
        name=spec.name,
        graph=digest,
        options={
            "spec": repr(spec),
            "profile": ranges,
            "format": _FORMAT,
            **compile_options(device),
        },
        library=f"torch {torch.__version__}",
        device=f"{describe_device(device)}, {instruction_set(device)}",
        driver=driver_version() if device.type == "cuda" else None,
    )
