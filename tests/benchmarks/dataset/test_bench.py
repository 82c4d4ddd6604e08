"""The benchmark of a dataset's writing, on a few images of one step."""

import json

import pytest

from zeroreal.base import InputError
from zeroreal.benchmarks.dataset.bench import NULL_SINK, DatasetBenchSettings, bench_dataset

FEW = {
    "images_per_class": 1,
    "shard_size": 4,
    "engine": "torch",
    "precision": "fp32",
    "batch_size": 4,
    "steps": 1,
    "rounds": 2,
}


def test_every_case_is_measured_against_the_null_sink_and_written(tmp_path):
    path, work, lines = tmp_path / "dataset.json", tmp_path / "work", []
    work.mkdir()
    cases = ("webdataset-jpg", "folder-png", "npy")
    found = bench_dataset(DatasetBenchSettings(cases, **FEW, work=work, result=path), lines.append)
    assert json.loads(path.read_text()) == found
    assert [row["name"] for row in found["sinks"]] == [NULL_SINK, *cases]
    assert (found["images"], found["batch_size"], found["rounds"]) == (10, 4, 2)
    null, *jobs = found["sinks"]
    assert null["reason"] is None
    assert "cost_percent" not in null
    for row in jobs:
        assert row["reason"] is None
        percent = [
            100 * (own / other - 1)
            for own, other in zip(row["seconds"], null["seconds"], strict=True)
        ]
        assert row["cost_percent_each_round"] == pytest.approx(percent)
        assert len(row["waited_seconds"]) == len(row["sync_seconds_per_shard"]) == 2
        busy = sum(row["writer_busy_seconds"])
        assert 0 < 10 * sum(row["writer_cpu_seconds_per_image"]) < busy
    assert list(work.iterdir()) == []
    assert lines[-1] == "round 2 of 2"


def test_a_job_that_cannot_write_is_said_to_have_failed(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("zeroreal.data.shard_tar.TarShard.write", full)
    found = bench_dataset(DatasetBenchSettings(**FEW, work=tmp_path))
    assert "no space is left" in found["sinks"][1]["reason"]
    assert found["sinks"][0]["reason"] is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"cases": ("webdataset-gif",)}, "unknown dataset case 'webdataset-gif'"),
        ({"rounds": 0}, "rounds is 0: at least 1 is needed"),
        ({"images_per_class": 0}, "images per class is 0: at least 1 is needed"),
        ({"device": "tpu"}, "unknown device 'tpu'"),
    ],
)
def test_bad_settings_get_one_sentence(settings, complaint):
    with pytest.raises(InputError) as error:
        bench_dataset(DatasetBenchSettings(**settings))
    assert complaint in str(error.value)
