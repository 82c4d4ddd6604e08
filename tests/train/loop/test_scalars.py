"""The log of a training, whole and interrupted."""

import builtins
import csv
import logging
import os

import pytest

from zeroreal.base.errors import InputError
from zeroreal.base.limits import LimitError
from zeroreal.train.loop.scalars import ScalarLog, Scalars


def row(step, loss=1.0):
    return Scalars(
        step=step,
        epoch=1,
        samples=64 * step,
        loss=loss,
        accuracy=0.25,
        learning_rate=1e-3,
        images_per_second=1234.5,
        replay_ratio=0.5,
    )


def written(folder, steps, loss=1.0, resume_step=None):
    log = ScalarLog(folder, resume_step)
    for step in steps:
        log.write(row(step, loss))
    log.close()


def read_csv(folder):
    with (folder / "scalars.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_row_is_in_the_file_as_soon_as_it_is_written(tmp_path):
    log = ScalarLog(tmp_path)
    log.write(row(3, loss=0.1))
    assert read_csv(tmp_path) == [
        {
            "step": "3",
            "epoch": "1",
            "samples": "192",
            "loss": "0.1",
            "accuracy": "0.25",
            "learning_rate": "0.001",
            "images_per_second": "1234.5",
            "replay_ratio": "0.5",
        }
    ]
    log.close()


def test_resuming_drops_later_rows_and_keeps_earlier_ones(tmp_path):
    written(tmp_path, [10, 20, 30, 40], loss=1.0)
    written(tmp_path, [30, 50], loss=2.0, resume_step=20)
    rows = [(line["step"], line["loss"]) for line in read_csv(tmp_path)]
    assert rows == [("10", "1.0"), ("20", "1.0"), ("30", "2.0"), ("50", "2.0")]


def test_a_new_log_drops_an_old_one(tmp_path):
    written(tmp_path, [10, 20])
    written(tmp_path, [5])
    assert [line["step"] for line in read_csv(tmp_path)] == ["5"]


def test_resuming_without_an_old_log_starts_one(tmp_path):
    written(tmp_path, [30], resume_step=20)
    assert [line["step"] for line in read_csv(tmp_path)] == ["30"]


@pytest.mark.parametrize("half", ["1", "12,1,768,1.0", "12,1,768,1.0,0.25,0.001,1234.5,0."])
def test_the_half_row_of_a_killed_run_is_dropped(tmp_path, half):
    written(tmp_path, [10])
    with (tmp_path / "scalars.csv").open("a") as file:
        file.write(half)
    written(tmp_path, [20], resume_step=15)
    assert [line["step"] for line in read_csv(tmp_path)] == ["10", "20"]


def test_tensorboard_reads_the_scalars_of_a_resumed_run(tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    written(tmp_path, [10, 20, 30], loss=1.0)
    written(tmp_path, [30, 40], loss=2.0, resume_step=20)
    events = accumulator.EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert set(events.Tags()["scalars"]) == {
        "epoch",
        "samples",
        "loss",
        "accuracy",
        "learning_rate",
        "images_per_second",
        "replay_ratio",
    }
    losses = [(event.step, event.value) for event in events.Scalars("loss")]
    assert losses == [(10, 1.0), (20, 1.0), (30, 2.0), (40, 2.0)]


def test_without_tensorboard_the_csv_is_written_and_that_is_said_once(
    tmp_path, caplog, monkeypatch
):
    def without_tensorboard(name, *args, _import=builtins.__import__, **kwargs):
        if name.startswith("torch.utils.tensorboard"):
            raise ImportError(name)
        return _import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_tensorboard)
    with caplog.at_level(logging.INFO):
        written(tmp_path, [10, 20])
    assert [line["step"] for line in read_csv(tmp_path)] == ["10", "20"]
    assert caplog.text.count("tensorboard is not installed") == 1
    assert not (tmp_path / "tensorboard").exists()


def test_a_log_that_somebody_else_wrote_is_limited_and_no_pipe(tmp_path, monkeypatch):
    written(tmp_path, [1, 2])
    path = tmp_path / "scalars.csv"
    with path.open("a") as file:
        file.write("9" * 5000 + ",1" * 7 + "\n")
    written(tmp_path, [2], resume_step=1)
    assert [one["step"] for one in read_csv(tmp_path)] == ["1", "2"]
    monkeypatch.setenv("ZEROREAL_MAX_TEXT_BYTES", "100")
    with pytest.raises(LimitError, match=r"^log of the training .* bytes of text"):
        ScalarLog(tmp_path, 1)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(InputError, match="is a pipe and not a file"):
        ScalarLog(tmp_path, 1)
