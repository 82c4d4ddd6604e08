"""The parts: each a benchmark that ends within minutes, in the order of what they are worth.

Batch sizes are fixed, so that nothing is searched or compiled for several of them. Minutes are
estimates for an H100 and have not been measured.
"""

from __future__ import annotations

from typing import Any

from ..documented.part import Part

_MODELS = ("diffusers", "transformers")
_TRAINING = (*_MODELS, "timm", "torchvision")
_OURS = "ours:torch/bf16/graphs"
_CUDA = {"device": "cuda"}
_SD15 = {"random_weights": "sd15", "scheduler": "DDIMScheduler"}  # one call of the UNet a step
_512 = {**_SD15, **_CUDA, "steps": 20}
_FEW = {**_SD15, **_CUDA, "steps": 4, "guidance": "off"}


def _throughput(
    file: str, minutes: float, work: dict[str, Any], images: int, *contenders: str
) -> Part:
    settings = {**work, "contenders": contenders, "images": images}
    return Part(
        "throughput", f"throughput-sd15-{file}.json", settings, needs=_MODELS, minutes=minutes
    )


def _waterfall(file: str, minutes: float, *rows: str) -> Part:
    settings = {**_512, "batch_size": 16, "images": 16, "rows": rows}
    file = f"waterfall-sd15-512-{file}.json"
    return Part("waterfall", file, settings, needs=_MODELS, minutes=minutes)


def _training(case: str, minutes: float, **settings: Any) -> Part:
    kind = "training-compiled" if settings.get("compile") else "training"
    settings = {**_CUDA, "batch_size": 256, "precision": "bf16", "cases": (case,), **settings}
    return Part("training", f"{kind}-{case}.json", settings, needs=_TRAINING, minutes=minutes)


PARTS = {
    "guided": _throughput(
        *("512-20-steps", 5, _512, 64, "diffusers/bf16@16", f"{_OURS}@16", f"{_OURS}@32")
    ),
    "guided-single": _throughput(
        *("512-20-steps-batch-1", 3, _512, 8, "diffusers/bf16@1", f"{_OURS}@1")
    ),
    "guided-compiled-peer": _throughput(
        *("512-20-steps-compiled-peer", 8, _512, 32, f"{_OURS}@16", "diffusers:compiled/bf16@16")
    ),
    "guided-compiled": _throughput(
        *("512-20-steps-compiled", 6, _512, 32),
        *(f"{_OURS}@16", "ours:torch:compiled/bf16/graphs@16"),
    ),
    "guided-fp8": _throughput(
        *("512-20-steps-fp8", 8, _512, 32, "ours:torch:compiled/bf16/graphs@16"),
        "ours:torch:compiled/fp8/graphs@16",
    ),
    "guided-tensorrt": _throughput(
        *("512-20-steps-tensorrt", 7, _512, 32, f"{_OURS}@16", "ours:tensorrt/fp16/graphs@16")
    ),
    "few": _throughput(
        *("512-4-steps", 3, _FEW, 128, "diffusers/bf16@32", f"{_OURS}@32", f"{_OURS}@64")
    ),
    "few-compiled-peer": _throughput(
        *("512-4-steps-compiled-peer", 8, _FEW, 64, f"{_OURS}@16", "diffusers:compiled/bf16@16")
    ),
    "small": _throughput(
        *("256-4-steps", 3, {**_FEW, "generate_size": 256}, 512),
        *("diffusers/bf16@64", f"{_OURS}@64", f"{_OURS}@128"),
    ),
    "latency": Part(
        "latency",
        "latency-sd15.json",
        {
            "random_weights": "sd15",
            "generate": {
                "engine": "torch",
                "precision": "bf16",
                "cuda_graphs": True,
                "scheduler": "DDIMScheduler",
                "steps": 20,
                "batch_size": 16,
            },
            "batches": 30,
            "sizes": (1, 4, 16),
            "sweep_batches": 4,
            "starts": 2,
            **_CUDA,
        },
        needs=_MODELS,
        minutes=6,
    ),
    "trace": Part(
        "trace",
        "trace-sd15.json",
        {**_SD15, "contender": f"{_OURS}@16", "steps": 20},
        needs=_MODELS,
        minutes=2,
    ),
    "loop": Part(
        "loop",
        "loop-embedded.json",
        {**_CUDA, "batch_size": 64, "steps": 4},
        needs=_MODELS,
        minutes=2,
    ),
    "waterfall": _waterfall(
        "fp32", 8, "diffusers", "channels-last", "our-loop", "fused-kernels", "cuda-graphs"
    ),
    "waterfall-levers": _waterfall(
        *("levers", 6, "diffusers", "cuda-graphs", "bf16", "fp16"),
        *("4-steps", "guidance-0.6-6", "deep-cache-2"),
    ),
    "kernels": Part("kernels", "kernels.json", _CUDA, needs=_MODELS, minutes=4),
    "loader": Part(
        "loader",
        "loader.json",
        {**_CUDA, "images": 16384, "batch_size": 256},
        needs=_TRAINING,
        minutes=5,
    ),
    "training-cached-32": _training("cached-32", 4, batches=64),
    "training-cached-224": _training("cached-224", 4, batches=32),
    "training-timm-224": _training("timm-224", 4, batches=16, rounds=5),
    "training-compiled-cached-32": _training("cached-32", 5, batches=64, compile=True),
    "training-compiled-cached-224": _training("cached-224", 5, batches=32, compile=True),
    "sharing": Part("sharing", "sharing-embedded.json", _CUDA, needs=_TRAINING, minutes=5),
    "writing": Part(
        "dataset",
        "dataset.json",
        {
            **_CUDA,
            "cases": ("webdataset-jpg", "parquet-jpg", "folder-png", "npy"),
            "images_per_class": 1024,
            "shard_size": 1024,
        },
        needs=("webdataset", "pyarrow", *_TRAINING),
        minutes=5,
    ),
}
"""By name, in the order in which they are run."""
