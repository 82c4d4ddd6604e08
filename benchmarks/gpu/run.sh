#!/usr/bin/env bash
# Everything that takes a GPU: the tests marked `gpu`, then the engines against each other, on the
# embedded model and on the Stable Diffusion 1.5 architecture with random weights. Wants an
# environment with `zeroreal[gpu,xformers]` and, where it serves the GPU, `tensorrt-rtx` or
# `tensorrt`; what is missing is reported with its reason.
#
#     benchmarks/gpu/run.sh [OUT]      results go to OUT, by default benchmarks/results
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
out="${1:-benchmarks/results}"
python="${PYTHON:-python}"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
mkdir -p "$out"
name="$("$python" -c 'import torch; print(torch.cuda.get_device_name().replace(" ", "-").lower())')" \
    || { echo "no CUDA device"; exit 2; }

"$python" -m pytest -q -m gpu 2>&1 | tee "$out/gpu-tests-$name.txt"

contenders=(torch/fp32 torch/fp16 torch/fp16/xformers torch/fp16/graphs torch/bf16
    torch:compiled/fp16 torch:compiled/fp16/graphs onnxruntime:cuda/fp16 onnxruntime:tensorrt/fp16
    tensorrt/fp16 tensorrt/fp16/graphs)
"$python" -m zeroreal.benchmarks.engines --device cuda --contenders "${contenders[@]}" \
    --images 1024 --result "$out/engines-embedded-$name.json"

"$python" - "$work/sd15" <<'PYTHON'
import sys
from pathlib import Path

from zeroreal.export.random_weights import architecture, write_random_model

write_random_model(architecture("sd15"), Path(sys.argv[1]))
PYTHON
"$python" -m zeroreal.benchmarks.engines --device cuda --model "$work/sd15" \
    --contenders "${contenders[@]}" --images 16 --batch-size 8 --steps 20 --recipe base \
    --rounds 3 --result "$out/engines-sd15-512-$name.json"
