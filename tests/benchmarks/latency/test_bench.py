"""The latency benchmark, run on the embedded model."""

import json
from dataclasses import replace

import pytest

from zeroreal.benchmarks.bench import bench
from zeroreal.benchmarks.registry import benchmark
from zeroreal.report.results.reading import read_result
from zeroreal.report.results.table import tables

CASE = "batch 2"
STAGES = ("text", "denoise", "vae", "finish", "hand-off")


@pytest.fixture(scope="module")
def path(near, settings, tmp_path_factory):
    """The file of a run's result."""
    path = tmp_path_factory.mktemp("result") / "latency.json"
    with near():
        bench("latency", settings, path=path)
    return path


@pytest.fixture(scope="module")
def result(path):
    return read_result(path)


def test_every_stage_and_step_has_its_seconds(result):
    names = [row.name for row in result.rows if row.case == CASE]
    assert names == [*STAGES, "step", "step 1", "step 2", "whole"]
    counts = {name: len(result.row(name, CASE).metrics["seconds"].values) for name in names}
    assert counts == {name: 6 if name == "step" else 3 for name in names}


def test_stages_sum_to_the_whole_and_steps_to_denoising(result):
    def seconds(name):
        return result.row(name, CASE).metrics["seconds"].values

    each = zip(*(seconds(name) for name in STAGES), strict=True)
    shares = [sum(one) / whole for one, whole in zip(each, seconds("whole"), strict=True)]
    assert shares == pytest.approx(result.row("whole", CASE).metrics["share_of_stages"].values)
    # Ours is busy, so there may be a longer pause; what it is when quiet, the benchmark says.
    assert all(0.9 < share <= 1.0001 for share in shares)
    for one, other, all_of_it in zip(
        seconds("step 1"), seconds("step 2"), seconds("denoise"), strict=True
    ):
        assert 0.9 * all_of_it < one + other <= all_of_it


def test_work_stands_under_the_roof(result):
    step, vae, finish = (result.row(name, CASE) for name in ("step", "vae", "finish"))
    for row in (step, vae):
        median = row.metrics["seconds"].median
        rate = row.facts["flop"] / median
        assert rate / row.facts["attainable_flop_per_second"] == pytest.approx(
            row.facts["share_of_roof"]
        )
        assert row.facts["share_of_matmul"] == pytest.approx(rate / 1e12)
    assert finish.facts["bound_by"] == "memory"
    assert "flop_per_second" not in finish.metrics
    # Two images with guidance, two steps, of the model's published shapes.
    assert result.row("denoise", CASE).facts["flop"] == 2 * step.facts["flop"]
    assert step.facts["flop"] == 4 * 247660544


def test_each_batch_size_is_there_once_and_one_is_the_knee(result):
    rows = [row for row in result.rows if row.case == "batch sizes"]
    assert [row.name for row in rows] == ["batch 1", "batch 2"]
    assert [len(row.metrics["seconds"].values) for row in rows] == [2, 3]
    assert [row.facts.get("note") for row in rows].count("knee") == 1
    assert all(row.facts["peak_memory_bytes"] > 2**20 for row in rows)


def test_the_same_engine_makes_the_reference_s_images(result):
    row = result.row("images", "images against PyTorch fp32")
    assert row.metrics["largest_difference_of_255"].values <= (1.0, 1.0)
    assert not any("PSNR" in reason for reason in result.figures.reasons)


def test_new_processes_say_what_they_did_until_the_first_images(result):
    names = ("import", "engine load", "first images", "cold start")
    seconds = [result.row(name, "new process").metrics["process_seconds"].values for name in names]
    assert seconds == [(4.0, 4.0), (3.0, 3.0), (2.0, 2.0), (9.0, 9.0)]


def test_few_batches_are_not_to_be_trusted(result):
    assert not result.is_valid
    assert any(reason.startswith("too few samples: 3") for reason in result.figures.reasons)


def test_what_holds_for_all_is_said(result):
    facts = result.figures.facts
    assert facts["generator"]["rows"] == [2, 2]
    assert facts["ceilings"]["matmul"]["float32"]["flop_per_second"] == 1e12
    assert facts["harness"]["noting_share"] > 0
    assert {"source", "not_measured"} & set(facts["energy"])


def test_records_and_a_trace_stand_beside_the_result(path):
    records = [json.loads(line) for line in path.with_suffix(".jsonl").read_text().splitlines()]
    assert [record.get("step") for record in records] == [None, 1, 2] * 3
    events = json.loads(path.with_suffix(".trace.json").read_text())["traceEvents"]
    names = {event["name"] for event in events}
    assert {"text", "denoise", "denoise/step 2", "decode/vae", "decode/finish", "hand-off"} < names


def test_the_tables_fit_a_terminal(result):
    for _, table in tables(result, benchmark("latency").columns):
        widths = [max(map(len, column)) for column in zip(table.titles, *table.rows, strict=True)]
        assert sum(widths) + 3 * len(widths) <= 80


@pytest.fixture
def figures(near, settings):
    """A function that measures with other settings."""
    from zeroreal.benchmarks.latency.bench import measure_latency

    def run(progress=None, **changes):
        with near():
            more = () if progress is None else (progress,)
            return measure_latency(replace(settings, **changes), *more)

    return run


def test_known_prompts_are_not_encoded_again(figures):
    found = figures(parts=("stages",), known_prompts=True)
    assert found.facts["generator"]["texts"] == ()
    (text,) = (row for row in found.rows if row.name == "text")
    assert "flop" not in text.facts


def test_a_wrong_engine_cannot_win(figures, monkeypatch):
    from zeroreal.benchmarks.latency import guard

    right = guard.GuardWorker.images

    def images(self, count):
        found = right(self, count)
        wrong = self._job.settings.attention != "math"
        return {index: 255 - image if wrong else image for index, image in found.items()}

    monkeypatch.setattr(guard.GuardWorker, "images", images)
    found = figures(parts=("sweep",), sizes=(1,), sweep_batches=1)
    assert any("the images are not the reference's: PSNR" in reason for reason in found.reasons)
