#!/usr/bin/env bash
# `zeroreal bench gpu` of this checkout on a machine that has PyTorch for CUDA and no network, and
# where zeroreal is not installed.
#
#     benchmarks/gpu/run.sh [OPTIONS of `zeroreal bench gpu`, such as --budget 8]
#
# Wheels in .whl, of what else is missing there, are installed first; whatever is missing still is
# the reason of the parts that need it. Results go to benchmarks/results, which says what is done
# when the checkout travels to the next machine; new ones also to $OUT, if set, as one archive.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
python="${PYTHON:-python3}"
results=benchmarks/results
if compgen -G '.whl/*.whl' >/dev/null; then
    "$python" -m pip install -q --no-index --no-deps .whl/*.whl || exit 2
fi
"$python" -c 'import zeroreal.benchmarks.gpu' 2>/dev/null ||
    "$python" -m pip install -q --no-index --no-deps --no-build-isolation \
        -C build-dir=build/gpu -e . || exit 2
began="$(mktemp)"
pack() {
    [[ -z "${OUT:-}" ]] ||
        find "$results" -type f -newer "$began" -print0 |
        tar --null -czf "$OUT/gpu-results.tar.gz" --files-from -
}
trap pack EXIT
"$python" -c 'import sys; sys.argv[0] = "zeroreal"; from zeroreal.cli.main import main; main()' \
    bench gpu --out "$results" "$@"
