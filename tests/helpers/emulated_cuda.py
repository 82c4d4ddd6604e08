"""The CUDA kernels on the CPU: libraries of single `.cu` files, built by the C++ compiler alone.

What the sources see of CUDA then is in `tests/kernels/emulation`. The tests build it and not CMake:
they build copies of the sources with a fault in them as well, and what is shipped knows nothing of
it.
"""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch import Tensor

from zeroreal.kernels._operators import INT, POINTER, NativeKernel, _as_c

TESTS = Path(__file__).parents[1]
SOURCES = TESTS.parent / "kernels" / "src"
EMULATION = TESTS / "kernels" / "emulation"
DEVICE, STREAM = 1, 0x5EA7  # where work must go: neither is the default

# No fused multiply-add, as in CMakeLists.txt.
_OPTIONS = ("-std=c++17", "-fPIC", "-ffp-contract=off", "-U_FORTIFY_SOURCE", "-Wall", "-Wextra")
# Every access to memory becomes a call, and what C++ leaves undefined another: both are the
# emulation's, the compiler's own libraries are not linked.
_CHECKS = (
    "-O1",
    "-fsanitize=thread,alignment,bounds,shift,integer-divide-by-zero",
    "-fsanitize=signed-integer-overflow,float-cast-overflow",
    "-Wno-unknown-pragmas",
)
_AS_NVCC = ("-D__CUDACC__", "-D__CUDA_ARCH__=800", "-includecuda_runtime.h")

_LAUNCH = re.compile(r"([A-Za-z_]\w*(?:<[^<>;]*>)?)\s*<<<(.*?)>>>\s*\(", re.DOTALL)
_DYNAMIC = re.compile(r"extern\s+__shared__\s+([\w:]+)\s+(\w+)\[\];")
_SHARED = re.compile(r"__shared__\s+([\w: ]+?)\s+(\w+)((?:\[[^\]]*\])*);")


@dataclass(frozen=True)
class Gpu:
    """What a GPU has of shared memory, in KiB; 1 more is reserved for each block."""

    block: int
    """For one block."""
    multiprocessor: int
    """For all of its blocks."""


GPUS = {"sm_80": Gpu(163, 164), "sm_86": Gpu(99, 100), "sm_90": Gpu(227, 228)}
"""By architecture; sm_89 and sm_120 as sm_86, sm_100 as sm_90 (CUDA's programming guide)."""


@dataclass(frozen=True)
class Launch:
    """What was launched."""

    kernel: str
    grid: tuple[int, int]
    threads: int
    shared: int
    """Bytes of dynamic shared memory."""


LOW_GRID = ("launch.h", "kMaxGridY = 65535", "kMaxGridY = 2")
"""The edit that has more than two images taken in strides, not more than 65535."""

FLOAT32_ONLY = (
    "element.h",
    """    case kFloat16: body(Float16{}); return true;
    case kBFloat16: body(BFloat16{}); return true;
""",
    "",
)
"""The edit that leaves kernels of one element type: a third of what is to be compiled."""


def as_cpp(text: str, name: str) -> str:
    """CUDA source as C++: launches and shared memory become calls, lines keep their numbers."""

    def launch(match: re.Match[str]) -> str:
        kernel, configuration = match.groups()
        lines = "\n" * (match[0].count("\n") - kernel.count("\n") - configuration.count("\n"))
        plain = " ".join(kernel.split())
        return f'{lines}emulated_cuda::launch("{plain}", {kernel}, {{{configuration}}})('

    text = _LAUNCH.sub(launch, text)
    text = _DYNAMIC.sub(r"\1* const \2 = emulated_cuda::dynamic_shared<\1>();", text)
    text = _SHARED.sub(r'auto& \2 = emulated_cuda::shared<\1\3>("\2", [] {});', text)
    return f'#line 1 "{name}"\n{text}'


def barriers_removed(source: str) -> list[tuple[str, str, str]]:
    """Edits of a file of the project's sources that each take one of its barriers out."""
    text = (SOURCES / source).read_text()
    places = [match.span() for match in re.finditer(r"__syncthreads\(\);", text)]
    return [(source, text, text[:begin] + text[end:]) for begin, end in places]


class EmulatedLibrary:
    """The kernels of a library; what one of them does wrong is a `RuntimeError`."""

    def __init__(self, path: Path) -> None:
        self._library = ctypes.CDLL(str(path))
        self._library.zeroreal_cuda_error.restype = ctypes.c_char_p
        self._library.emulated_cuda_launches.restype = ctypes.c_char_p

    def launch(
        self,
        kernel: NativeKernel,
        *arguments: Tensor | torch.dtype | float | None,
        seed: int = 0,
        gpu: Gpu = GPUS["sm_86"],
        runs: bool = True,
    ) -> tuple[Launch, ...]:
        """Run it as `NativeKernel` would on a GPU; what was launched.

        `seed` orders blocks and threads. Unless it `runs`, launches are only noted.
        """
        library = self._library
        library.emulated_cuda_reset(ctypes.c_uint64(seed), DEVICE, ctypes.c_void_p(STREAM), runs)
        library.emulated_cuda_shared_memory(gpu.block << 10, gpu.multiprocessor << 10)
        for argument in arguments:
            if runs and isinstance(argument, Tensor):
                library.emulated_cuda_tensor(*_span(argument))
        function = library[f"zeroreal_{kernel.name}_cuda"]
        function.argtypes = (*kernel.argument_types, INT, POINTER)
        status = function(*map(_as_c, arguments), DEVICE, STREAM)
        if status:
            raise RuntimeError(library.zeroreal_cuda_error(status).decode())
        assert library.emulated_cuda_device() == 0, "the caller's device is not the current one"
        lines = library.emulated_cuda_launches().decode().splitlines()
        return tuple(_launch(*line.split("|")) for line in lines)

    @contextmanager
    def in_place(self, seed: int = 0) -> Iterator[None]:
        """Inside, the operators run these kernels on CPU tensors, into memory filled with NaN."""

        def call(
            kernel: NativeKernel,
            device: torch.device,
            *arguments: Tensor | torch.dtype | float | None,
        ) -> bool:
            self.launch(kernel, *arguments, seed=seed)
            return True

        deterministic = torch.are_deterministic_algorithms_enabled()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(NativeKernel, "__call__", call)
            torch.use_deterministic_algorithms(True)  # which fills new memory
            try:
                yield
            finally:
                torch.use_deterministic_algorithms(deterministic)


class Emulation:
    """Builds libraries in a folder, the emulation itself once."""

    def __init__(self, folder: Path) -> None:
        compiler = shutil.which("g++")  # Clang hides copies of structures from the checks
        if compiler is None or sys.platform != "linux":
            pytest.skip("the emulation needs g++, and Linux")
        self._compiler, self._folder = compiler, folder
        self._libraries: dict[object, EmulatedLibrary] = {}
        sources = sorted(EMULATION.glob("*.cpp"))
        self._objects = self._compile(sources, folder, ["-O2"])

    def library(self, source: str | Path, *edits: tuple[str, str, str]) -> EmulatedLibrary:
        """The kernels of a source file, of the project's by its name or of a test's own.

        It is built from a copy, with `edits`: in which file of the project's sources, which text
        that is there once, is replaced by which.
        """
        key = (source, *edits)
        if key not in self._libraries:
            folder = self._folder / f"library-{len(self._libraries)}"
            self._libraries[key] = EmulatedLibrary(self._build(SOURCES / source, edits, folder))
        return self._libraries[key]

    def _build(self, source: Path, edits: tuple[tuple[str, str, str], ...], folder: Path) -> Path:
        folder.mkdir()
        for path in (*SOURCES.glob("*.h"), SOURCES / "cuda_error.cu", source):
            text = path.read_text()
            for _, old, new in (edit for edit in edits if edit[0] == path.name):
                assert text.count(old) == 1, f"{path.name} has {old!r} {text.count(old)} times"
                text = text.replace(old, new)
            (folder / path.name).write_text(as_cpp(text, path.name))
        copies = [folder / source.name, folder / "cuda_error.cu"]
        objects = self._compile(copies, folder, [*_CHECKS, *_AS_NVCC])
        library = folder / "kernels.so"
        self._run(["-shared", "-Wl,-z,defs", "-o", library, *objects, *self._objects])
        return library

    def _compile(self, sources: list[Path], folder: Path, options: list[str]) -> list[Path]:
        objects = [folder / f"{source.stem}.o" for source in sources]
        for source, target in zip(sources, objects, strict=True):
            include = f"-I{EMULATION / 'include'}"
            self._run([*_OPTIONS, *options, include, "-xc++", "-c", source, "-o", target])
        return objects

    def _run(self, arguments: list[str | Path]) -> None:
        subprocess.run([self._compiler, *arguments], check=True)


def _launch(kernel: str, x: str, y: str, threads: str, shared: str) -> Launch:
    return Launch(kernel, (int(x), int(y)), int(threads), int(shared))


def _span(tensor: Tensor) -> tuple[ctypes.c_void_p, ctypes.c_size_t]:
    """Where its first element begins, and the bytes from there to the end of its last."""
    steps = zip(tensor.shape, tensor.stride(), strict=True)
    last = sum((size - 1) * stride for size, stride in steps)
    size = (last + 1) * tensor.element_size() if tensor.numel() else 0
    return ctypes.c_void_p(tensor.data_ptr()), ctypes.c_size_t(size)
