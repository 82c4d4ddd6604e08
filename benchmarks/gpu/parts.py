"""The parts: each a command that ends within minutes, in the order of what they are worth.

Batch sizes are fixed, so that nothing is searched or compiled for several of them. Minutes are
estimates for an H100 and have not been measured.
"""

from __future__ import annotations

from dataclasses import dataclass

ZEROREAL = (
    "-c",
    "import sys; sys.argv[0] = 'zeroreal'; from zeroreal.cli.main import main; main()",
)
"""What Python takes to be `zeroreal`, wherever it is installed."""
PYTEST = ("-m", "pytest")

_MODELS = ("diffusers", "transformers")
_TRAINING = ("timm", "torchvision")


@dataclass(frozen=True)
class Part:
    """One command."""

    name: str
    minutes: float
    """How long it is likely to take."""
    result: str
    """The result's file, without the GPU's name: JSON, which the command is told to write, or
    text, which is what it prints."""
    arguments: tuple[str, ...]
    program: tuple[str, ...] = ZEROREAL
    """What Python takes before `arguments`."""
    needs: tuple[str, ...] = ()
    """Modules that have to be installed."""
    folder: str | None = None
    """A folder of the checkout that has to be there, and whose changes count as the code's."""

    def file_name(self, gpu: str) -> str:
        """The result's file on a GPU of that name."""
        stem, _, suffix = self.result.rpartition(".")
        return f"{stem}-{gpu}.{suffix}"


def _bench(
    name: str, minutes: float, result: str, command: str, needs: tuple[str, ...] = _MODELS
) -> Part:
    return Part(name, minutes, f"{result}.json", ("bench", *command.split()), needs=needs)


def _sd15(name: str, minutes: float, result: str, command: str) -> Part:
    """A benchmark of Stable Diffusion 1.5; all denoise by DDIM: one call of the UNet a step."""
    model = "--random-weights sd15 --scheduler DDIMScheduler"
    return _bench(name, minutes, result, f"{command} {model}")


_OURS = "ours:torch/bf16/graphs"
_512 = "--steps 20 --device cuda"
_FEW = "--steps 4 --guidance off --device cuda"
_WATERFALL = "--steps 20 --batch-size 16 --images 16 --device cuda"
_TRAIN = "--batch-size 256 --precision bf16 --device cuda"
_ALL_TRAINING = (*_MODELS, *_TRAINING)

PARTS = (
    Part(
        "tests",
        4,
        "gpu-tests.txt",
        ("-q", "-m", "gpu", "-p", "no:cacheprovider", "tests"),
        program=PYTEST,
        needs=("pytest", *_ALL_TRAINING),
        folder="tests",
    ),
    _sd15(
        "guided",
        5,
        "throughput-sd15-512-20-steps",
        f"throughput diffusers/bf16@16 {_OURS}@16 {_OURS}@32 {_512} --images 64",
    ),
    _sd15(
        "guided-single",
        3,
        "throughput-sd15-512-20-steps-batch-1",
        f"throughput diffusers/bf16@1 {_OURS}@1 {_512} --images 8",
    ),
    _sd15(
        "guided-compiled-peer",
        8,
        "throughput-sd15-512-20-steps-compiled-peer",
        f"throughput {_OURS}@16 diffusers:compiled/bf16@16 {_512} --images 32",
    ),
    _sd15(
        "guided-compiled",
        6,
        "throughput-sd15-512-20-steps-compiled",
        f"throughput {_OURS}@16 ours:torch:compiled/bf16/graphs@16 {_512} --images 32",
    ),
    _sd15(
        "guided-tensorrt",
        7,
        "throughput-sd15-512-20-steps-tensorrt",
        f"throughput {_OURS}@16 ours:tensorrt/fp16/graphs@16 {_512} --images 32",
    ),
    _sd15(
        "few",
        3,
        "throughput-sd15-512-4-steps",
        f"throughput diffusers/bf16@32 {_OURS}@32 {_OURS}@64 {_FEW} --images 128",
    ),
    _sd15(
        "few-compiled-peer",
        8,
        "throughput-sd15-512-4-steps-compiled-peer",
        f"throughput {_OURS}@16 diffusers:compiled/bf16@16 {_FEW} --images 64",
    ),
    _sd15(
        "small",
        3,
        "throughput-sd15-256-4-steps",
        f"throughput diffusers/bf16@64 {_OURS}@64 {_OURS}@128 {_FEW} --images 512 "
        "--generate-size 256",
    ),
    _sd15(
        "latency",
        6,
        "latency-sd15",
        "latency --engine torch --precision bf16 --cuda-graphs --steps 20 --batch-size 16 "
        "--batches 30 --sizes 1,4,16 --sweep-batches 4 --starts 2 --device cuda",
    ),
    _sd15("trace", 2, "trace-sd15", f"trace {_OURS}@16 --steps 20"),
    _bench("loop", 2, "loop-embedded", "loop --device cuda --batch-size 64 --steps 4"),
    _sd15(
        "waterfall",
        8,
        "waterfall-sd15-512-fp32",
        "waterfall diffusers channels-last our-loop fused-kernels cuda-graphs " + _WATERFALL,
    ),
    _sd15(
        "waterfall-levers",
        6,
        "waterfall-sd15-512-levers",
        "waterfall diffusers cuda-graphs bf16 fp16 4-steps guidance-0.6-6 deep-cache-2 "
        + _WATERFALL,
    ),
    _bench("kernels", 2, "kernels", "kernels --device cuda"),
    _bench(
        "loader",
        5,
        "loader",
        "loader --images 16384 --batch-size 256 --device cuda",
        _ALL_TRAINING,
    ),
    *(
        _bench(f"training-{case}", 4, f"training-{case}", f"training {case} {rest}", _ALL_TRAINING)
        for case, rest in (
            ("cached-32", f"--batches 64 {_TRAIN}"),
            ("cached-224", f"--batches 32 {_TRAIN}"),
            ("timm-224", f"--batches 16 --rounds 5 {_TRAIN}"),
        )
    ),
    *(
        _bench(
            f"training-compiled-{case}",
            5,
            f"training-compiled-{case}",
            f"training {case} --compile {rest}",
            _ALL_TRAINING,
        )
        for case, rest in (
            ("cached-32", f"--batches 64 {_TRAIN}"),
            ("cached-224", f"--batches 32 {_TRAIN}"),
        )
    ),
    _bench("sharing", 5, "sharing-embedded", "sharing --device cuda", _ALL_TRAINING),
    _bench(
        "writing",
        5,
        "dataset",
        "dataset webdataset-jpg parquet-jpg folder-png npy --images-per-class 1024 "
        "--shard-size 1024 --device cuda",
        ("webdataset", "pyarrow", *_ALL_TRAINING),
    ),
)
"""In the order in which they are run."""
