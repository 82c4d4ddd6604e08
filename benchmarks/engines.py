"""The engines of one model against each other: images a second, time a step, and their images.

    python -m zeroreal.benchmarks.engines --result benchmarks/results/engines-cpu.json
    python -m zeroreal.benchmarks.engines --device cuda --contenders torch/fp32 torch/fp16

A contender is ENGINE/PRECISION, with an attention backend or `graphs` (CUDA graphs) after another
slash. All take turns, round after round, each generating the same images; the first is the one that
the others' images and speed are compared to. An engine that cannot serve is reported with its
reason.
"""

from __future__ import annotations

import argparse
import gc
import json
import shlex
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..engine import Cache, InputError, environment, resolve_device
from ..generate import Generator, SamplePlan, load_recipe, parse_classes
from ..kernels import ATTENTION_BACKENDS
from ..train import RunSettings

CPU_CONTENDERS = (
    "torch/fp32",
    "onnxruntime/fp32",
    "torch/bf16",
    "torch:compiled/fp32",
    "torch:compiled/bf16",
)

# What a program that only runs engines does; the time is that after `import torch`.
_LOAD = """
import sys, time
from pathlib import Path
import torch
began = time.perf_counter()
from zeroreal.engine import Cache, OnnxRuntimeEngine
from zeroreal.export import read_manifest
entry = next(e for e in Cache().entries() if e.key.kind == "export")
for graph in read_manifest(entry.path / "model").graphs.values():
    OnnxRuntimeEngine(graph.file, torch.device("cpu"))
print(time.perf_counter() - began, *sorted({"diffusers", "transformers"} & set(sys.modules)))
"""


@dataclass
class Contender:
    """One engine and what was measured of it."""

    name: str
    reason: str | None = None
    """Why it could not serve."""
    load_seconds: float = 0.0
    """Of the generator, with everything built in the cache."""
    seconds: list[float] = field(default_factory=list)
    """Each round's."""
    step_ms: list[float] = field(default_factory=list)
    """Milliseconds a denoising step of a batch takes, each round's."""
    mean_difference: float = 0.0
    """Of its pixels from the first contender's, of 255."""
    max_difference: int = 0


def main() -> None:
    """Measure, print, and write the result."""
    options = _options()
    device = resolve_device(options.device)
    plan = SamplePlan(load_recipe(options.recipe), parse_classes(RunSettings().classes), 10**6)
    specs = plan[: options.images]
    contenders = [Contender(name) for name in options.contenders]
    reference: Tensor | None = None
    generators: dict[str, Generator] = {}
    for contender in contenders:
        try:
            _generator(contender.name, options)  # builds what there is to build
            gc.collect()
            began = time.perf_counter()
            generators[contender.name] = generator = _generator(contender.name, options)
            contender.load_seconds = time.perf_counter() - began
        except InputError as error:
            contender.reason = str(error)
            continue
        images, _ = generator.images(specs)  # warms up, too
        images = images.cpu().int()
        reference = images if reference is None else reference
        difference = (images - reference).abs()
        contender.mean_difference = float(difference.float().mean())
        contender.max_difference = int(difference.max())
    for number in range(options.rounds):
        for contender in contenders:
            if contender.name in generators:
                _round(contender, generators[contender.name], specs)
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
    result = {
        "command": shlex.join(["python", "-m", "zeroreal.benchmarks.engines", *sys.argv[1:]]),
        "date": datetime.now().astimezone().isoformat(timespec="seconds"),
        "environment": environment(device),
        "threads": torch.get_num_threads(),
        "model": options.model or "embedded",
        "images": options.images,
        "batch_size": options.batch_size,
        "steps": options.steps,
        "recipe": options.recipe,
        "contenders": [_summary(contender, contenders[0], options) for contender in contenders],
        "load_in_a_new_process": _fresh_load() if device.type == "cpu" else None,
    }
    text = json.dumps(result, indent=2) + "\n"
    if options.result is not None:
        options.result.write_text(text)
    print(text)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--contenders", nargs="+", default=CPU_CONTENDERS)
    parser.add_argument("--images", type=int, default=256)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--recipe", default="random-guidance")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--result", type=Path)
    return parser.parse_args()


def _generator(name: str, options: argparse.Namespace) -> Generator:
    engine, precision, *more = name.split("/")
    attention = next((choice for choice in more if choice in ATTENTION_BACKENDS), "auto")
    return Generator(
        options.model,
        engine=engine,
        precision=precision,
        attention=attention,
        cuda_graphs="graphs" in more,
        device=options.device,
        steps=options.steps,
        batch_size=options.batch_size,
    )


def _round(contender: Contender, generator: Generator, specs: list[Any]) -> None:
    denoising = generator.seconds.denoise
    began = time.perf_counter()
    generator.images(specs)[0].cpu()
    contender.seconds.append(time.perf_counter() - began)
    batches = -(-len(specs) // generator.batch_size)
    calls = batches * len(generator.schedule.steps)
    contender.step_ms.append((generator.seconds.denoise - denoising) / calls * 1e3)


def _summary(contender: Contender, first: Contender, options: argparse.Namespace) -> dict[str, Any]:
    if contender.reason is not None:
        return {"name": contender.name, "reason": contender.reason}
    ratios = [ours / own for ours, own in zip(first.seconds, contender.seconds, strict=True)]
    return {
        **asdict(contender),
        "images_per_second": options.images / statistics.median(contender.seconds),
        "median_step_ms": statistics.median(contender.step_ms),
        "speedup_each_round": ratios,
        "median_speedup": statistics.median(ratios),
    }


def _fresh_load() -> dict[str, Any] | None:
    """Seconds to load the exported graphs from the cache into ONNX Runtime, in a new process."""
    if not any(entry.key is not None and entry.key.kind == "export" for entry in Cache().entries()):
        return None
    runs = [
        subprocess.run([sys.executable, "-c", _LOAD], check=True, capture_output=True, text=True)
        for _ in range(5)
    ]
    told = [run.stdout.split() for run in runs]
    seconds = [float(words[0]) for words in told]
    return {"seconds": seconds, "imported": sorted({word for words in told for word in words[1:]})}


if __name__ == "__main__":
    main()
