"""The options of pool, sharing and precision of `zeroreal run`."""

import json

import pytest

FEW = [
    *("run", "--classes", "coat,bag", "-n", "10", "--steps", "1", "--epochs", "2"),
    *("--train-batch-size", "4", "--device", "cpu", "--precision", "fp32", "--engine", "torch"),
    *("--tune", "off"),
]


def test_a_run_takes_its_pool_from_the_options(command, tmp_path):
    options = {
        "--pool": "46080",  # 15 images of 32 pixels
        "--pool-policy": "most-replayed",
        "--blocks": 4,
        "--max-replay": 1.5,
        "--sharing": "alternate",
        "--amp": "fp32",
        "--checkpoint-seconds": 0,
    }
    arguments = [word for option in options.items() for word in option]
    done = command(*FEW, *arguments, "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    # A fifth of the pool is for the images to come: 20 arrive in blocks of 3, and 12 are held.
    found = {name: metrics["pool"][name] for name in ("capacity", "policy", "blocks", "sharing")}
    assert found == {"capacity": 12, "policy": "most-replayed", "blocks": 7, "sharing": "alternate"}
    assert metrics["images"] == 20
    assert metrics["training"]["replay_ratio"] == 1.5


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--pool", "much"], "'much' is not a size in bytes"),
        (["--pool", "9216", "--pool-policy", "keep"], "the pool has room for 3 images"),
        (["--pool-policy", "oldst"], "did you mean 'oldest'"),
        (["--blocks", "0"], "blocks is 0: at least 1 is needed"),
        (["--max-replay", "0"], "max replay is 0.0: it must be above 0"),
        (["--sharing", "alternat"], "did you mean 'alternate'"),
        (["--sharing", "partition"], "only CUDA devices can be partitioned"),
        (["--amp", "fp4"], "unknown precision 'fp4'"),
        (["--amp", "fp16"], "slow and inexact on a CPU"),
        (["--preset", "fst"], "did you mean 'fast'"),
        (["--batch-norm-data", "nowhere"], "'nowhere' does not exist"),
        (["--teacher-weight", "2"], "teacher weight is 2.0: it must be in [0, 1]"),
    ],
)
def test_bad_values_get_one_sentence_and_status_2(
    command, tmp_path, monkeypatch, arguments, complaint
):
    monkeypatch.chdir(tmp_path)
    done = command(*FEW, *arguments)
    assert done.returncode == 2, done.stderr
    assert complaint in done.shown
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []
