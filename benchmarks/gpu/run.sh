#!/usr/bin/env bash
# Everything that takes a GPU: the tests marked `gpu`, images a second against `diffusers` on the
# Stable Diffusion 1.5 architecture with random weights, the gaps in a trace, the kernels, the loader
# and training. Needs no network. Wants an environment with `zeroreal[gpu,xformers]`, pytest and,
# where it serves the GPU, `tensorrt-rtx` or `tensorrt`; what is missing is reported with its reason.
#
#     benchmarks/gpu/run.sh [OUT] [PART...]
#
# Results go to OUT, by default $OUT or benchmarks/results. Parts, in this order unless named:
#
#     tests      the tests marked `gpu`
#     guided     512x512, 20 steps with guidance; `diffusers` eager, at batch 1 and at its best
#     compiled   the same and `diffusers` compiled, which takes minutes, in one run at batch 16
#     few        512x512, 4 steps without guidance
#     small      256x256, 4 steps without guidance
#     trace      the GPU's gaps while ours generates
#     loop       whether 100 batches are as fast as 10
#     kernels    each kernel against PyTorch
#     loader     the loader alone against torchvision's transforms
#     training   from the pool against a cached batch and against timm's loop
#     sharing    generating and training on one GPU: alone, in turns, at once
#     writing    what writing a dataset costs the generator, with JPEG encoded on the GPU
#
# Only when named: `search`, which is `compiled` at the peer's best batch; every batch size is
# compiled anew, which takes half an hour.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
out="${1:-${OUT:-benchmarks/results}}"
shift
all="tests guided compiled few small trace loop kernels loader training sharing writing"
parts="${*:-$all}"
for part in $parts; do
    [[ " $all search " == *" $part "* ]] || { echo "unknown part '$part': choose from $all" >&2; exit 2; }
done
python="${PYTHON:-python}"
name="$("$python" -c 'import torch; print(torch.cuda.get_device_name().replace(" ", "-").lower())')" \
    || { echo "no CUDA device" >&2; exit 2; }
mkdir -p "$out"

# Both programs denoise by DDIM: one call of the UNet a step.
bench() {
    local result="$out/throughput-sd15-$1-$name.json"
    shift
    zeroreal bench throughput "$@" --random-weights sd15 --scheduler DDIMScheduler \
        --device cuda --result "$result"
}
train() {
    local result="$out/$1-$name.json"
    shift
    zeroreal bench training "$@" --batch-size 256 --batches 64 --precision bf16 --device cuda \
        --result "$result"
}
zeroreal() {
    "$python" -c 'import sys; sys.argv[0] = "zeroreal"; from zeroreal.cli.main import main; main()' "$@"
}

ours=ours:torch/bf16/graphs
built=(ours:torch:compiled/bf16/graphs@16 ours:tensorrt/fp16/graphs@16)  # anew for each batch size
status=0
for part in $parts; do
    echo "== $part" >&2
    case "$part" in
        tests) "$python" -m pytest -q -m gpu 2>&1 | tee "$out/gpu-tests-$name.txt" ;;
        guided)
            bench 512-20-steps diffusers/bf16@1 diffusers/bf16 "$ours" --steps 20 --images 64 ;;
        compiled)
            bench 512-20-steps-compiled diffusers/bf16@1 diffusers/bf16@16 \
                diffusers:compiled/bf16@16 "$ours@16" "${built[@]}" --steps 20 --images 64 ;;
        search)
            bench 512-20-steps-search diffusers:compiled/bf16 "$ours" --steps 20 --images 64 ;;
        few)
            bench 512-4-steps diffusers/bf16 diffusers:compiled/bf16@16 "$ours" --steps 4 --guidance off --images 128 ;;
        small)
            bench 256-4-steps diffusers/bf16 diffusers:compiled/bf16@64 "$ours" --steps 4 --guidance off --images 512 \
                --generate-size 256 ;;
        trace)
            zeroreal bench trace "$ours@16" --random-weights sd15 \
                --scheduler DDIMScheduler --steps 20 --result "$out/trace-sd15-$name.json" ;;
        loop)
            zeroreal bench loop --device cuda --batch-size 64 --steps 4 \
                --result "$out/loop-embedded-$name.json" ;;
        kernels) zeroreal bench kernels --device cuda --result "$out/kernels-$name.json" ;;
        loader)
            zeroreal bench loader --images 16384 --batch-size 256 --device cuda \
                --result "$out/loader-$name.json" ;;
        training)
            train training && train training-compiled --compile ;;
        sharing)
            zeroreal bench sharing --device cuda \
                --result "$out/sharing-embedded-$name.json" ;;
        writing)
            zeroreal bench dataset webdataset-jpg parquet-jpg folder-png npy --device cuda \
                --images-per-class 4096 --shard-size 4096 --result "$out/dataset-$name.json" ;;
    esac || status=1
done
exit "$status"
