"""The page of a result, read by a parser and shown by a browser."""

import json
import random
import re

import pytest
from pages import Page, loaded_by, needs_browser, widths
from results import ENVIRONMENT, race, rate, result, seconds

from zeroreal.report.results.column import Column
from zeroreal.report.results.metric import Metric
from zeroreal.report.results.page.content import result_page
from zeroreal.report.results.result import Row

COLUMNS = (
    Column("ms", "seconds", ".4g", 1e3),
    Column("images/s", "images_per_second", ".4g"),
    Column("ratio", "ratio", ".2f", with_quartiles=True),
)
STAGES = {"text": 0.01, "denoise": 0.4, "vae": 0.08, "hand-off": 0.01}


def latency():
    """A result with all that a page can show: stages, steps, batch sizes, roof and energy."""
    draw = random.Random(3)
    records, values, whole = [], {name: [] for name in STAGES}, []
    for batch in range(100):
        taken = {name: value * draw.uniform(0.9, 1.1) for name, value in STAGES.items()}
        whole.append(sum(taken.values()))
        stages = {f"{name}_seconds": value for name, value in taken.items()}
        records.append({"batch": batch, "batch_size": 8, "seconds": whole[-1], **stages})
        step = {"batch": batch, "seconds": taken["denoise"] / 4}
        records += [{**step, "step": number} for number in range(1, 5)]
        for name, value in taken.items():
            values[name].append(value)
    facts = {"flop_per_byte": 50.0, "attainable_flop_per_second": 1e12}
    rows = [Row(name, "batch 8", {"seconds": seconds(*values[name])}) for name in STAGES]
    flops = Metric((4e11, 5e11), "FLOP/s", "higher")
    steps = seconds(*(value / 4 for value in values["denoise"]))
    rows.append(Row("step", "batch 8", {"seconds": steps, "flop_per_second": flops}, facts))
    rows += [Row(f"step {number}", "batch 8", {"seconds": steps}) for number in range(1, 5)]
    rows.append(Row("whole", "batch 8", {"seconds": seconds(*whole)}))
    rows.append(Row("import", "new process", {"process_seconds": seconds(3.0, 3.1)}))
    for size, images in ((1, 5.0), (2, 8.0), (4, 12.0)):
        joules = Metric((60 / images,), "J", "lower")
        metrics = {"images_per_second": rate(images), "joules_per_image": joules}
        facts = {"peak_memory_bytes": size * 2**30, **({"note": "knee"} if size == 2 else {})}
        metrics["seconds"] = seconds(*(size / images,) * 100)
        rows.append(Row(f"batch {size}", "batch sizes", metrics, facts))
    energy = {"energy": {"predicted_joules_per_image": 3.5}}
    return result(*rows, benchmark="latency", figures={"records": tuple(records), "facts": energy})


def long_names():
    """What a phone has no room for."""
    name = "ours:onnxruntime/fp16/graphs@128" * 4
    case = "augment,64of1024x224x224x3uint8to64x3x224x224float32" * 3
    rows = [Row(f"{name}{n}", case, {"seconds": seconds(1.0, 2.0)}) for n in range(3)]
    environment = ENVIRONMENT | {"device": "NVIDIA" * 40}
    reasons = tuple(f"{'unbreakable' * 20} {number}" for number in range(9))
    settings = {"a_very_long_setting_that_nobody_would_ever_name_so" * 3: ["x" * 300]}
    return result(
        *rows, Row("broken" * 30, reason="no" * 200), environment=environment, settings=settings,
        figures={"reasons": reasons, "facts": {"x" * 200: "y" * 300}}, command="zeroreal " * 60,
    )  # fmt: skip


@pytest.fixture
def page(tmp_path):
    """A function that writes the page of a result and gives its path."""

    def make(shown, columns=COLUMNS):
        path = tmp_path / "page.html"
        path.write_bytes(result_page(shown, columns))
        return path

    return make


def plain(path):
    return Page(path).text.replace("\xa0", " ")


def drawings(path):
    """Titles of all drawings, with what they say to those who do not see them."""
    labels = [one["aria-label"] for one in Page(path).all("svg")]
    told = (label.replace("\xa0", " ").partition(": ") for label in labels)
    return {title: words for title, _, words in told}


@pytest.mark.parametrize("make", [race, latency])
def test_every_statistic_is_that_of_the_json_file(page, make):
    shown = make()
    found = [float(one["value"]) for one in Page(page(shown)).all("data")]
    content = json.loads(json.dumps(shown.content()))
    ranks = ("p1", "p5", "p10", "p25", "p50", "p75", "p90", "p95", "p99", "p99.9")
    expected = [
        metric[name]
        for row in content["rows"]
        for metric in row["metrics"].values()
        for name in ("avg", "min", *ranks, "max", "std")
        if metric[name] is not None
    ]
    assert found == expected


def test_a_valid_result_says_so_and_shows_what_it_is_about(page):
    text = plain(page(race()))
    assert "VALID Nothing was found that speaks against these figures." in text
    assert "INVALID" not in text
    # The faster one's median, twice the baseline's speed.
    assert "time 10 ms ours, 2× the speed of plain" in text
    for phrase in ("AMD EPYC 7B13, 2 threads", "2 cores", "0123456789", "3 February 2026"):
        assert phrase in text
    assert "zeroreal bench pace --rounds 3 --result 'my pace.json'" in text
    assert "broken failed: RuntimeError: no kernel" in text


@pytest.mark.parametrize(
    ("figures", "phrase"),
    [
        ({"finished": False}, "The measurement did not come to its end."),
        ({"reasons": ("the machine was busy",)}, "the machine was busy"),
    ],
)
def test_a_result_that_is_not_valid_says_why(page, figures, phrase):
    text = plain(page(result(Row("a", metrics={"seconds": seconds(1.0)}), figures=figures)))
    assert "INVALID These figures are not to be trusted." in text
    assert phrase in text


def test_of_many_cases_one_contenders_mean_and_extremes_are_shown(page):
    rows = []
    for case, ratio in (("a", 2.0), ("b", 8.0), ("c", 0.5), ("d", 2.0)):
        metric = Metric((ratio,), "x", "higher")
        best = Metric((100.0,), "x", "higher")
        rows += [
            Row("plain", case, {"seconds": seconds(1.0)}, is_baseline=True),
            Row("ours", case, {"seconds": seconds(1 / ratio), "ratio": metric}),
            Row("other", case, {"seconds": seconds(0.01), "ratio": best}),
        ]
    text = plain(page(result(*rows)))
    assert "times the baseline's speed 2× ours, geometric mean of 4 cases" in text
    assert "least 0.5× ours, c" in text
    assert "greatest 8× ours, b" in text


def test_of_several_seeds_means_are_shown(page):
    values = (0.80, 0.82, 0.87)
    rows = [
        Row(name, metrics={"accuracy": Metric(values, "1", "higher")}) for name in ("ours", "real")
    ]
    columns = (Column("accuracy, %", "accuracy", ".1f", 100, with_deviation=True),)
    path = page(result(*rows), columns)
    text = plain(path)
    assert "accuracy 83 % ours accuracy 83 % real" in text
    assert "ours 83.0 ± 3.6" in text
    assert drawings(path) == {"accuracy": "ours 83 %; real 83 %"}


def test_the_whole_of_stages_is_what_a_latency_is_about(page):
    shown = latency()
    whole = shown.row("whole", "batch 8").metrics["seconds"]
    text = plain(page(shown))
    assert f"time {1e3 * whole.median:.4g} ms whole, batch 8" in text
    assert f"time, p99 {1e3 * whole.percentiles[99]:.4g} ms 99 % of 100 values are below" in text


def test_all_that_can_be_drawn_is_drawn(page):
    found = drawings(page(latency()))
    assert list(found) == [
        "time",
        "process seconds",  # another metric than that of the other cases
        "Throughput by batch size",
        "Waterfall of a batch",
        "Shares of the stages",
        "Latency by percentile, batch 8",
        "Memory by batch size",
        "Roofline",
        "Energy of an image",
    ]
    assert found["Throughput by batch size"] == "batch sizes: 12 images/s at 4; knee at 2"
    assert found["Memory by batch size"] == "batch sizes: 4 GiB at 4"
    assert found["Roofline"] == "step, 45 % of the roof"
    assert "predicted from its operations 3.5" in found["Energy of an image"]


def test_the_knee_is_marked_where_it_is(page):
    html = page(latency()).read_text()
    (drawing,) = re.findall(r'aria-label="Throughput by batch size.*?</figure>', html, re.DOTALL)
    (left,) = re.findall(r'<line x1="([\d.]+)"[^>]*class="baseline"', drawing)
    assert re.search(rf'<circle cx="{left}"[^>]*><title>batch sizes batch 2:', drawing)
    assert "the dashed line is the knee, batch 2" in drawing


def test_what_has_no_figures_is_not_drawn(page):
    assert list(drawings(page(race()))) == ["time"]
    assert drawings(page(result())) == {}
    assert drawings(page(result(Row("broken", reason="no")))) == {}


def test_rows_that_are_one_of_many_are_folded_away(page):
    text = plain(page(latency()))
    assert "4 more rows, from step 1 to step 4" in text
    assert "step 1 " not in drawings(page(latency()))["time"]


def test_a_result_without_known_columns_shows_its_metrics(page):
    text = plain(page(race(), columns=()))
    assert "seconds ratio plain 0.02 1 ours 0.01 2" in text


@pytest.mark.parametrize("facts", [{"batch_curve": []}, {"batch_size": "many"}, {"a": {"b": []}}])
def test_facts_of_any_kind_are_shown(page, facts):
    row = Row("a", metrics={"images_per_second": rate(1.0)}, facts=facts)
    assert "Facts" in plain(page(result(row)))


def test_names_are_text_and_never_markup(page):
    shown = result(Row("<script>alert(1)</script>", "<b>", {"seconds": seconds(1.0, 2.0)}))
    path = page(shown)
    assert not Page(path).all("script")
    assert "<script>alert(1)</script>" in plain(path)


@pytest.mark.parametrize("make", [race, latency, long_names])
def test_the_page_loads_nothing_and_is_small(page, make):
    path = page(make())
    assert loaded_by(path) == []
    (policy,) = [one for one in Page(path).all("meta") if "http-equiv" in one]
    assert policy["content"].startswith("default-src 'none'")
    assert path.stat().st_size < 2_000_000


def test_a_page_of_many_batches_is_below_two_megabytes(page):
    shown = latency()
    rows = [
        Row(f"step {number}", "batch 8", {"seconds": seconds(*map(float, range(1, 2001)))})
        for number in range(1, 51)
    ]
    many = result(*shown.rows[:5], *rows, figures={"records": shown.figures.records * 20})
    assert page(many).stat().st_size < 2_000_000


def test_both_light_and_dark_have_their_colours(page):
    text = page(race()).read_text()
    light, dark = text.split("@media (prefers-color-scheme: dark)")[:2]
    assert set(re.findall(r"(--\w+):", dark.partition("* {")[0])) == {
        "--paper", "--panel", "--ink", "--soft", "--line", "--accent", "--fill", "--chance",
    }  # fmt: skip
    assert "--paper: #fdfdfc" in light


@needs_browser
@pytest.mark.parametrize("make", [race, latency, long_names])
def test_nothing_is_wider_than_a_phone(page, make, tmp_path):
    content, wide = widths(page(make()), tmp_path, 360)
    assert wide == []
    assert content <= 360
