"""The benchmark of a dataset's writing, on a few images of one step."""

import pytest

from zeroreal.base import InputError
from zeroreal.benchmarks.dataset.bench import NULL_SINK, measure_dataset
from zeroreal.benchmarks.dataset.jobs import Job
from zeroreal.benchmarks.dataset.settings import DatasetBenchSettings
from zeroreal.benchmarks.harness import Progress

FEW = {
    "images_per_class": 1,
    "shard_size": 4,
    "engine": "torch",
    "precision": "fp32",
    "batch_size": 4,
    "steps": 1,
    "rounds": 2,
}


def test_every_case_is_measured_against_the_null_sink(tmp_path):
    lines, kept = [], []
    cases = ("webdataset-jpg", "folder-png", "npy")
    found = measure_dataset(
        DatasetBenchSettings(cases, **FEW, work=tmp_path), Progress(lines.append, kept.append)
    )
    assert [row.name for row in found.rows] == [NULL_SINK, *cases]
    assert (found.facts["images"], found.facts["batch_size"], found.finished) == (10, 4, True)
    null, *jobs = found.rows
    assert null.is_baseline
    assert "cost" not in null.metrics
    before = null.metrics["seconds"].values
    for row in jobs:
        assert row.reason is None
        seconds = row.metrics["seconds"].values
        costs = [own / other - 1 for own, other in zip(seconds, before, strict=True)]
        assert row.metrics["cost"].values == pytest.approx(costs)
        for name in ("waited_seconds", "sync_seconds_per_shard", "process_cpu_seconds_per_image"):
            assert len(row.metrics[name].values) == 2
        busy = sum(row.metrics["writer_busy_seconds"].values)
        assert 0 < 10 * sum(row.metrics["writer_cpu_seconds_per_image"].values) < busy
    assert list(tmp_path.iterdir()) == []
    assert lines[-1] == "round 2 of 2"
    assert [one.finished for one in kept] == [False, False]


def test_a_job_that_cannot_write_is_said_to_have_failed(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("zeroreal.data.shard_tar.TarShard.write", full)
    null, job = measure_dataset(DatasetBenchSettings(**FEW, work=tmp_path)).rows
    assert "no space is left" in job.reason
    assert job.metrics == {}
    assert null.reason is None
    assert list(tmp_path.iterdir()) == []


def test_a_round_that_is_interrupted_has_no_costs_either(tmp_path, monkeypatch):
    rounds, measure = [], Job.measure

    def measured(job):
        seconds = measure(job)
        rounds.append(seconds)
        if len(rounds) == 2:
            raise KeyboardInterrupt
        return seconds

    monkeypatch.setattr(Job, "measure", measured)
    found = measure_dataset(DatasetBenchSettings(**FEW, work=tmp_path))
    assert not found.finished
    assert [len(metric.values) for row in found.rows for metric in row.metrics.values()] == [
        1 for row in found.rows for _ in row.metrics
    ]


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"cases": ("webdataset-gif",)}, "unknown dataset case 'webdataset-gif'"),
        ({"rounds": 0}, "rounds is 0: at least 1 is needed"),
        ({"images_per_class": 0}, "images per class is 0: at least 1 is needed"),
    ],
)
def test_bad_settings_get_one_sentence(settings, complaint):
    with pytest.raises(InputError) as error:
        measure_dataset(DatasetBenchSettings(**settings))
    assert complaint in str(error.value)
