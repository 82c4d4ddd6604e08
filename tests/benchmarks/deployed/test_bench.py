"""The benchmark of deployed files, its contenders in this process."""

from functools import partial

import numpy as np
import pytest
from coloured import COLOURS, coloured

from zeroreal.base import InputError
from zeroreal.benchmarks.deployed import BENCHMARKS, bench
from zeroreal.benchmarks.deployed.bench import measure_deploy
from zeroreal.benchmarks.deployed.settings import DeployBenchSettings
from zeroreal.benchmarks.harness import Progress
from zeroreal.export.classifier import timing
from zeroreal.run import RunSettings, run
from zeroreal.run.deploy import deploy as deploying
from zeroreal.train import TrainSettings

CONTENDERS = ["torch", "onnx", "int8", "openvino"]


def write_arrays(folder, count, seed):
    images, labels = coloured(count, 16, seed)
    folder.mkdir()
    (folder / "classes.txt").write_text("\n".join(COLOURS))
    np.save(folder / "0.npy", images.numpy())
    np.save(folder / "0.labels.npy", labels.numpy())
    return str(folder)


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """Settings for a run on pictures of colours, each measured for a moment."""
    folder = tmp_path_factory.mktemp("run")
    images, real = write_arrays(folder / "made", 300, 0), write_arrays(folder / "real", 40, 1)
    train = TrainSettings(epochs=6, batch_size=32)
    made = run(RunSettings(images=images, device="cpu", train=train), folder / "out").folder
    return DeployBenchSettings(
        run=made, size="fixed", synthetic=180, data=real, batches=(2, 4), seconds=0.03, rounds=2
    )


@pytest.fixture(autouse=True)
def _near(monkeypatch, near_worker):
    monkeypatch.setattr(bench, "Worker", near_worker)
    monkeypatch.setattr(bench, "_KEPT", 3)
    monkeypatch.setattr(deploying, "measure", partial(timing.measure, seconds=0.01))


def test_size_accuracy_latency_and_images_per_second_are_measured(quick):
    lines = []
    found = measure_deploy(quick, Progress(lines.append))
    assert found.finished
    rows = {row.key: row for row in found.rows}
    assert list(rows) == [
        (case, name) for case in ("files", "batch 1", "best batch") for name in CONTENDERS
    ]
    sizes = {name: rows["files", name].metrics["bytes"].values[0] for name in CONTENDERS}
    assert sizes["int8"] < 0.5 * sizes["onnx"]
    for name in CONTENDERS:
        metrics = rows["files", name].metrics
        assert metrics["accuracy"].values[0] > 0.8
        assert ("agreement" in metrics) == (name != "torch")
        single, many = rows["batch 1", name], rows["best batch", name]
        assert 4 <= len(single.metrics["latency"].values) <= 3 * quick.rounds
        assert single.facts["batch_size"] == 1
        assert many.facts["batch_size"] in (2, 4)
        for row in (single, many):
            base = rows[row.case, "onnx"].metrics["images_per_second"].values
            own = row.metrics["images_per_second"].values
            if name == "onnx":
                assert "ratio" not in row.metrics
            else:
                ratios = [a / b for a, b in zip(own, base, strict=True)]
                assert row.metrics["ratio"].values == pytest.approx(ratios)
    assert lines[-1].startswith("round 2: int8 at batch 1")
    (columns,) = (one.columns for one in BENCHMARKS)
    assert [column.text(rows["best batch", "int8"]) for column in columns][:5] == ["-"] * 5


def test_an_interruption_keeps_what_is_finished(quick):
    def tell(line):
        if line.startswith("round"):
            raise KeyboardInterrupt

    found = measure_deploy(quick, Progress(tell))
    assert not found.finished
    assert [row.key for row in found.rows] == [("files", name) for name in CONTENDERS]


@pytest.mark.parametrize(
    "wrong", [{"images_per_class": 0}, {"batches": (0,)}, {"seconds": 0}, {"size": "big"}]
)
def test_settings_that_cannot_be_used_are_refused(wrong):
    with pytest.raises(InputError, match=next(iter(wrong)).rstrip("es")):
        measure_deploy(DeployBenchSettings(**wrong))
