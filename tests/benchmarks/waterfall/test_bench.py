"""The waterfall, measured on stand-ins and on a few images of the embedded model."""

import pytest

from zeroreal.base import InputError
from zeroreal.benchmarks.bench import bench
from zeroreal.benchmarks.harness import Progress
from zeroreal.benchmarks.waterfall.bench import measure_waterfall
from zeroreal.benchmarks.waterfall.settings import WaterfallSettings
from zeroreal.report.results.reading import read_result

EAGER, LAST, OURS = "diffusers/fp32", "diffusers:channels-last/fp32", "ours:torch/fp32/unfused"
ROWS = ("diffusers", "channels-last", "our-loop")


def measure(progress=None, **settings):
    few = {"rows": ROWS, "images": 2, "batch_size": 2, "rounds": 2, "device": "cpu", **settings}
    return measure_waterfall(WaterfallSettings(**few), progress or Progress())


def seconds_of(eager, last, ours, batch=2):
    return {f"{EAGER}@{batch}": eager, f"{LAST}@{batch}": last, f"{OURS}@{batch}": ours}


def test_rows_are_compared_in_every_round(fakes):
    fakes(seconds_of([8.0, 8.0], [4.0, 4.0], [1.0, 2.0]))
    figures = measure()
    assert [row.name for row in figures.rows] == list(ROWS)
    assert figures.rows[2].metrics["ratio"].values == (8.0, 4.0)
    assert figures.rows[2].metrics["ratio_before"].values == (4.0, 2.0)
    assert figures.rows[1].metrics["flop_per_second"].values == (5.0, 5.0)
    assert figures.finished
    assert "2 rounds are few, 5 tell more" in figures.reasons


def test_a_row_that_cannot_serve_has_its_reason_and_the_others_are_measured(fakes):
    fakes({f"{LAST}@2": [4.0, 4.0], f"{OURS}@2": [2.0, 2.0]})
    eager, last, ours = measure().rows
    assert eager.reason == "diffusers/fp32@2 is not installed: install it"
    assert last.is_baseline
    assert ours.metrics["ratio"].median == 2.0


def test_each_row_is_measured_at_its_best_batch_if_none_is_given(fakes):
    fakes({EAGER: [1.0], LAST: [1.0], OURS: [1.0]}, rates={1: 1.0, 2: 2.0, 4: 1.9})
    rows = measure(batch_size=None, images=8, rounds=1).rows
    assert [row.facts["batch_size"] for row in rows] == [2, 2, 2]


def test_ctrl_c_keeps_the_rounds_that_are_finished(fakes):
    fakes(seconds_of([8.0, 8.0], [4.0, 4.0], [2.0, None]))
    figures = measure()
    assert not figures.finished
    assert [row.metrics["seconds"].values for row in figures.rows] == [(8.0,), (4.0,), (2.0,)]


def test_what_there_is_is_kept_after_every_round(fakes):
    fakes(seconds_of([8.0, 8.0], [4.0, 4.0], [2.0, 2.0]))
    kept = []
    measure(Progress(keep=kept.append))
    assert [len(figures.rows[2].metrics["seconds"].values) for figures in kept] == [1, 2]
    assert not any(figures.finished for figures in kept)


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"rows": ("our-lop",)}, "unknown row 'our-lop': did you mean 'our-loop'?"),
        ({"rounds": 0}, "rounds is 0: at least 1 is needed"),
        ({"images": 0}, "images is 0: at least 1 is needed"),
        ({"batch_size": 0}, "batch size is 0: at least 1 is needed"),
        ({"images": 3}, "3 images are no whole number of batches of 2: use a multiple of it"),
        ({"guidance": "some"}, "unknown guidance 'some'"),
        ({"device": "tpu"}, "unknown device 'tpu'"),
        ({"generate_size": 30}, "images with a side of 30 pixels cannot be generated"),
        ({"model": "a", "random_weights": "b"}, "both a model and random weights were given"),
    ],
)
def test_bad_settings_get_one_sentence(settings, complaint):
    with pytest.raises(InputError) as error:
        measure(**settings)
    assert complaint in str(error.value)


@pytest.mark.slow
@pytest.mark.usefixtures("near_workers")
def test_rows_of_the_embedded_model_make_the_same_images(tmp_path):
    rows = ("diffusers", "our-loop", "4-steps")
    settings = WaterfallSettings(rows=rows, steps=5, images=2, batch_size=2, rounds=1, device="cpu")
    path = tmp_path / "waterfall.json"
    bench("waterfall", settings, path=path)
    result = read_result(path)
    assert [row.name for row in result.rows] == list(rows)
    assert [row.reason for row in result.rows] == [None] * 3
    apart = [row.metrics["max_difference_of_255"].median for row in result.rows]
    assert apart[0] == 0
    assert apart[1] <= 3
    assert apart[2] > 3, "fewer steps make other images"
    assert all(row.metrics["memory_bytes"].median > 10**8 for row in result.rows)
    few = result.row("4-steps").facts["flop_per_image"]
    assert few < result.row("our-loop").facts["flop_per_image"]


@pytest.mark.slow
def test_rows_in_their_own_processes_take_turns():
    rows = ("diffusers", "our-loop")
    settings = WaterfallSettings(rows=rows, steps=2, images=2, batch_size=2, rounds=2, device="cpu")
    figures = measure_waterfall(settings)
    assert [len(row.metrics["seconds"].values) for row in figures.rows] == [2, 2]
    assert figures.rows[1].metrics["load_seconds"].median > 0
