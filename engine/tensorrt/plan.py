"""A plan brought onto the GPU, and the contexts in which it runs."""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import Any

import torch

from ...base.errors import InputError
from ...base.files import write_atomically
from ...base.limits import KERNEL_BYTES
from ...base.ownership import close_to_others, distrust
from ...base.reading import open_regular, read_bytes
from .build_log import BuildLog
from .library import gpu_target, library_version, listening, tensorrt_library, tensorrt_log
from .report import PLAN, BuildReport

__all__ = ["ContextMaker", "deserialize"]


def deserialize(folder: Path, report: BuildReport, device: torch.device) -> Any:
    """The `ICudaEngine` of the plan in `folder`, on `device`.

    Raises `InputError` for a plan of another library or GPU and one that TensorRT refuses.
    """
    here, version = gpu_target(device), library_version()
    if (report.target, report.library) != (here, version):
        raise InputError(
            f"the plan {str(folder)!r} is for {report.target} and {report.library}, here are "
            f"{here} and {version}: build it again with 'zeroreal build DIR --engine tensorrt'"
        )
    library, messages = tensorrt_library(), BuildLog()
    with (
        torch.cuda.device(device),
        listening(messages),
        open_regular(folder / PLAN, "plan") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as plan,
    ):
        engine = library.Runtime(tensorrt_log()).deserialize_cuda_engine(plan)
    if engine is None:
        raise InputError(
            f"TensorRT cannot load the plan {str(folder)!r} "
            f"({(messages.errors or ['no reason given'])[0]}): build it again with "
            "'zeroreal build DIR --engine tensorrt'"
        )
    return engine


class ContextMaker:
    """Makes execution contexts that get their working memory from outside.

    `tensorrt_rtx` compiles kernels on the GPU for each new size, which takes seconds: they are kept
    in the file `kernels`, which is not read if others may write it, and which TensorRT itself
    refuses where GPU or driver are others. `tensorrt` compiled them all when it built the plan.
    """

    def __init__(self, engine: Any, kernels: Path | None) -> None:
        library = tensorrt_library()
        self._engine, self._kernels, self._saved = engine, kernels, 0
        self._compiled: Any = None
        self._config: Any = library.ExecutionContextAllocationStrategy.USER_MANAGED
        if not hasattr(library, "IRuntimeCache"):
            return
        config = engine.create_runtime_config()
        config.set_execution_context_allocation_strategy(self._config)
        # Kernels that replace others later, the default, would be missing from CUDA graphs.
        strategies = library.DynamicShapesKernelSpecializationStrategy
        config.dynamic_shapes_kernel_specialization_strategy = strategies.EAGER
        self._compiled, self._config = config.create_runtime_cache(), config
        if kernels is not None and kernels.exists() and distrust((kernels,)) is None:
            self._compiled.deserialize(read_bytes(kernels, "compiled kernels", KERNEL_BYTES))
        config.set_runtime_cache(self._compiled)

    def make(self) -> Any:
        """A new `IExecutionContext`."""
        return self._engine.create_execution_context(self._config)

    def save_kernels(self) -> None:
        """Write the compiled kernels to their file if there are more of them than last time."""
        if self._kernels is None or self._compiled is None:
            return
        content = memoryview(self._compiled.serialize())
        if content.nbytes == self._saved:
            return
        self._saved = content.nbytes
        self._kernels.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(self._kernels, content)
        close_to_others(self._kernels)
