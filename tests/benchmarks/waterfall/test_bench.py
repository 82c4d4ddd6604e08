"""The waterfall, measured on stand-ins and on a few images of the embedded model."""

import pytest

from zeroreal.base import InputError
from zeroreal.benchmarks.harness import Progress
from zeroreal.benchmarks.waterfall.bench import measure_waterfall
from zeroreal.benchmarks.waterfall.settings import WaterfallSettings

EAGER, LAST, OURS = "diffusers/fp32", "diffusers:channels-last/fp32", "ours:torch/fp32/unfused"
ROWS = ("diffusers", "channels-last", "our-loop")


def measure(progress=None, **settings):
    few = {"rows": ROWS, "images": 2, "batch_size": 2, "rounds": 2, "device": "cpu", **settings}
    return measure_waterfall(WaterfallSettings(**few), progress or Progress())


def test_rows_take_turns_where_memory_holds_all(fakes):
    fake = fakes({EAGER: [8.0, 8.0], LAST: [4.0, 4.0], OURS: [1.0, 2.0]})
    figures = measure()
    assert fake.most_alive == 3
    assert fake.alive == set()
    assert [row.name for row in figures.rows] == list(ROWS)
    assert figures.rows[2].metrics["ratio"].values == (8.0, 4.0)
    assert figures.rows[2].metrics["ratio_before"].values == (4.0, 2.0)
    assert figures.rows[1].metrics["flop_per_second"].values == (5.0, 5.0)
    assert figures.facts["interleaved"]
    assert figures.finished
    assert figures.reasons == ("2 rounds are few, 5 tell more",) or "vary" in figures.reasons[1]


@pytest.mark.parametrize(
    ("memory", "interleaved", "most"),
    [(5 * 10**8, None, 1), (5 * 10**8, True, 3), (1, False, 1), (3 * 10**8, None, 3)],
)
def test_one_process_is_resident_at_a_time_where_memory_does_not_hold_all(
    fakes, memory, interleaved, most
):
    fake = fakes({EAGER: [8.0, 8.0], LAST: [4.0, 4.0], OURS: [2.0, 2.0]}, memory=memory)
    figures = measure(interleaved=interleaved)
    assert fake.most_alive == most
    assert figures.facts["interleaved"] == (most > 1)
    assert [row.metrics["ratio"].median for row in figures.rows] == [1.0, 2.0, 4.0]


@pytest.mark.parametrize("interleaved", [True, False])
def test_a_row_that_cannot_serve_has_its_reason_and_the_others_are_measured(fakes, interleaved):
    fakes({LAST: [4.0, 4.0], OURS: [2.0, 2.0]})
    lines = []
    figures = measure(Progress(lines.append), interleaved=interleaved)
    eager, last, ours = figures.rows
    assert eager.reason == "diffusers/fp32 is not installed: install it"
    assert last.is_baseline
    assert ours.metrics["ratio"].median == 2.0
    assert "diffusers cannot serve: diffusers/fp32 is not installed: install it" in lines


def test_each_row_is_measured_at_its_best_batch_if_none_is_given(fakes):
    fakes({EAGER: [1.0], LAST: [1.0], OURS: [1.0]}, rates={1: 1.0, 2: 2.0, 4: 2.01})
    figures = measure(batch_size=None, images=8, rounds=1)
    assert {row.facts["batch_size"] for row in figures.rows} == {4}


def test_a_row_without_any_batch_is_left_out_and_keeps_its_place(fakes):
    fake = fakes({EAGER: [1.0], LAST: [1.0], OURS: [1.0]}, rates={1: 1.0})
    plain = fake.rate
    fake.rate = lambda self, size: 1 / 0 if self.text == LAST else plain(self, size)
    try:
        figures = measure(batch_size=None, images=1, rounds=1)
    finally:
        fake.rate = plain
    assert [row.name for row in figures.rows] == list(ROWS)
    assert figures.rows[1].reason == "ZeroDivisionError: division by zero"


def test_ctrl_c_keeps_the_rounds_that_are_finished(fakes):
    fakes({EAGER: [8.0, 8.0], LAST: [4.0, 4.0], OURS: [2.0, None]})
    figures = measure()
    assert not figures.finished
    assert [row.metrics["seconds"].values for row in figures.rows] == [(8.0,), (4.0,), (2.0,)]


def test_ctrl_c_in_the_middle_of_rows_keeps_those_before(fakes):
    fakes({EAGER: [8.0, 8.0], LAST: [4.0, None], OURS: [2.0, 2.0]})
    figures = measure(interleaved=False)
    assert not figures.finished
    assert [row.name for row in figures.rows] == ["diffusers", "channels-last"]
    assert figures.rows[0].metrics["seconds"].values == (8.0, 8.0)


def test_what_there_is_is_kept_on_the_way(fakes):
    fakes({EAGER: [8.0, 8.0], LAST: [4.0, 4.0], OURS: [2.0, 2.0]})
    kept = []
    measure(Progress(keep=kept.append), interleaved=False)
    assert [len(figures.rows) for figures in kept] == [1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert [figures.finished for figures in kept] == [False] * 8 + [True]


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
        ({"generate_size": 30}, "images of 30 pixels a side cannot be generated"),
        ({"model": "a", "random_weights": "b"}, "both a model and random weights were given"),
    ],
)
def test_bad_settings_get_one_sentence(settings, complaint):
    with pytest.raises(InputError) as error:
        measure(**settings)
    assert complaint in str(error.value)


def test_rows_of_the_embedded_model_make_the_same_images(tmp_path):
    from zeroreal.benchmarks.bench import bench
    from zeroreal.report.results.reading import read_result

    rows = ("diffusers", "our-loop", "fused-kernels", "4-steps")
    settings = WaterfallSettings(rows, steps=5, images=2, batch_size=2, rounds=1, device="cpu")
    path = tmp_path / "waterfall.json"
    bench("waterfall", settings, path=path)
    result = read_result(path)
    assert [row.name for row in result.rows] == list(rows)
    assert [row.reason for row in result.rows] == [None] * 4
    apart = [row.metrics["max_difference_of_255"].median for row in result.rows]
    assert apart[0] == 0
    assert max(apart[1:3]) <= 3
    assert apart[3] > 3, "fewer steps make other images"
    assert all(row.metrics["memory_bytes"].median > 10**8 for row in result.rows)
    few = result.row("4-steps").facts["flop_per_image"]
    assert few < result.row("fused-kernels").facts["flop_per_image"]
