"""The report, read back by an HTML parser and by a browser."""

import base64
import copy
import io

import pytest
from pages import Page, loaded_by, needs_browser, seen_by_browser
from PIL import Image

from zeroreal.report.page import duration, memory, moment, ticks
from zeroreal.report.pictures import png_bytes
from zeroreal.run.report.page import write_report
from zeroreal.run.report.summary import summary_of

SUMMARY = {
    "name": "boots and bags",
    "created": "2026-02-03T14:05:06+00:00",
    "zeroreal": "0.1.0",
    "command": "zeroreal run --classes 'boot,bag' --seed 7",
    "classes": ["boot", "bag", "<script>alert('x')</script>"],
    "recipe": {
        "name": "merged",
        "description": "equal parts",
        "templates": ["a sketch of a {class}"],
        "prompts": ["a sketch of a boot"],
    },
    "model": "assets/tiny-fashion",
    "classifier": "resnet10t",
    "images": 12000,
    "rejected": [5, 77, 4096],
    "images_per_class": 4000,
    "steps": 12,
    "scheduler": "DDIMScheduler",
    "batch_size": 128,
    "vae_batch_size": 64,
    "time_budget": None,
    "elapsed_seconds": 400.0,
    "image_size": 32,
    "seed": 7,
    "device": "cpu",
    "engine": "onnxruntime",
    "dtype": "bfloat16",
    "test": {
        "source": "photos",
        "images": 2500,
        "accuracy": 0.8124,
        "interval": [0.7966, 0.8272],
        "chance": 1 / 3,
        "per_class": [
            {"class": "boot", "images": 1500, "accuracy": 0.9, "interval": [0.8838, 0.9142]},
            {"class": "bag", "images": 1000, "accuracy": 0.681, "interval": [0.6514, 0.7091]},
            {
                "class": "<script>alert('x')</script>",
                "images": 0,
                "accuracy": None,
                "interval": None,
            },
        ],
        "confusion": [[1350, 147, 3], [319, 681, 0], [0, 0, 0]],
    },
    "throughput": {"images_per_second": 41.27, "train_images_per_second": 1503.6},
    "seconds": {"load": 1.5, "generate": 290.8, "train": 100.0, "evaluate": 2.7},
    "peak_memory_bytes": 3 * 2**29,
    "pool": {
        "capacity": 60,
        "policy": "keep",
        "blocks": 2,
        "sharing": "overlap",
        "sharing_measured": {},
    },
    "training": {
        "epochs": 3,
        "replay_ratio": 2.5,
        "loss": [2.1, 1.2, 0.9],
        "accuracy": [0.3, 0.6, 0.8],
        "teacher": None,
        "batch_norm_data": None,
    },
    "environment": {"torch": "2.15.0", "system": "Linux"},
}


def pictures():
    return {
        "samples": png_bytes(Image.new("RGB", (30, 20), "red")),
        "confusion": png_bytes(Image.new("RGB", (40, 40), "blue")),
    }


@pytest.fixture
def written(tmp_path):
    write_report(tmp_path / "report.html", summary_of(SUMMARY), pictures())
    return tmp_path / "report.html"


def test_the_pictures_are_inside_and_decode(written):
    images = Page(written).all("img")
    assert len(images) == 2
    for attributes, size in zip(images, [(30, 20), (40, 40)], strict=True):
        head, _, data = attributes["src"].partition(",")
        assert head == "data:image/png;base64"
        assert Image.open(io.BytesIO(base64.b64decode(data, validate=True))).size == size
        assert attributes["alt"]


@pytest.mark.parametrize(
    "phrase",
    [
        "81.2 %",
        "2,500 real images",
        "79.7 % to 82.7 %",
        "Guessing would reach 33.3 %",
        "12,000",
        "left out as blank",
        "41.3",
        "1,504",
        "1.50 GiB",
        "6 min 35 s",  # 1.5 + 290.8 + 100 + 2.7 seconds
        "4 min 51 s",
        "90.0 %",
        "65.1 % to 70.9 %",
        "bag taken for boot: 319 images, 31.9 % of its class",
        "0.9 after 3 passes",
        "80 % after 3 passes",
        "a sketch of a boot",
        "3 February 2026, 14:05 UTC",
        "--classes 'boot,bag' --seed 7",
        "not in the test data",
    ],
)
def test_the_figures_are_on_the_page(written, phrase):
    assert phrase in Page(written).text


def test_class_names_are_text_and_never_markup(written):
    page = Page(written)
    assert not page.all("script")
    assert "<script>alert('x')</script>" in page.text


def test_the_page_loads_nothing(written):
    assert loaded_by(written) == []


def test_the_page_names_its_language(written):
    assert Page(written).all("html") == [{"lang": "en"}]


def test_without_test_data_the_report_says_so(tmp_path):
    summary = copy.deepcopy(SUMMARY) | {"test": None}
    write_report(tmp_path / "r.html", summary_of(summary), {"samples": pictures()["samples"]})
    page = Page(tmp_path / "r.html")
    assert "accuracy on real images is not known" in page.text
    assert len(page.all("img")) == 1


def test_further_pictures_follow_under_their_names(tmp_path):
    write_report(
        tmp_path / "r.html", summary_of(SUMMARY), pictures() | {"odd & even": pictures()["samples"]}
    )
    page = Page(tmp_path / "r.html")
    assert page.all("img")[-1]["alt"] == "odd & even"


def test_of_stored_images_the_dataset_is_named_and_no_model(tmp_path):
    generating = ("model", "recipe", "images_per_class", "steps", "scheduler", "engine", "dtype")
    generating += ("batch_size", "vae_batch_size")
    summary = SUMMARY | dict.fromkeys(generating) | {"dataset": "garments/", "rejected": []}
    write_report(tmp_path / "r.html", summary_of(summary), pictures())
    text = Page(tmp_path / "r.html").text
    assert "learned 3 classes from 12,000 images of garments/" in " ".join(text.split())
    for word in ("None", "synthetic", "generated", "diffusion model", "precision", "zero-shot"):
        assert word not in text


@pytest.mark.parametrize("values", [[], [float("nan")], [1.0], [1.0, float("nan"), 1.0]])
def test_any_history_of_training_can_be_drawn(tmp_path, values):
    training = SUMMARY["training"] | {"epochs": len(values), "loss": values, "accuracy": values}
    summary = SUMMARY | {"training": training}
    write_report(tmp_path / "r.html", summary_of(summary), pictures())
    assert "nan" not in Page(tmp_path / "r.html").text


def test_a_failed_report_leaves_the_old_one_and_nothing_else(written):
    before = written.read_bytes()
    with pytest.raises(TypeError):
        write_report(written, summary_of(SUMMARY), {"samples": "no picture"})
    assert written.read_bytes() == before
    assert list(written.parent.iterdir()) == [written]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.12, 0.98, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (0.62, 2.3, [0.5, 1, 1.5, 2, 2.5]),
        (13, 460, [0, 100, 200, 300, 400, 500]),
    ],
)
def test_gridlines_are_round_numbers_around_the_values(low, high, expected):
    assert ticks(low, high) == pytest.approx(expected)


def test_quantities_read_well():
    spaced = [duration(0.04), duration(59.7), duration(3 * 3600 + 65), memory(3 * 2**20)]
    assert [text.replace("\xa0", " ") for text in spaced] == [
        "0.0 s",
        "1 min 00 s",
        "3 h 01 min",
        "3 MiB",
    ]
    assert moment("yesterday") == "yesterday"


@needs_browser
def test_a_browser_shows_the_page(written, tmp_path):
    page = Page(seen_by_browser(written, tmp_path))
    assert "81.2 %" in page.text
    assert len(page.all("img")) == 2
    assert not page.all("script")


@pytest.mark.parametrize("what", [{"batch_norm_data": "photos/"}, {"teacher": "embedded"}])
def test_a_classifier_that_saw_real_images_is_not_called_zero_shot(tmp_path, what):
    training = SUMMARY["training"] | what
    write_report(tmp_path / "plain.html", summary_of(SUMMARY), {})
    write_report(tmp_path / "adapted.html", summary_of(SUMMARY | {"training": training}), {})
    assert "It never saw a real image" in (tmp_path / "plain.html").read_text()
    adapted = (tmp_path / "adapted.html").read_text()
    assert "not zero-shot" in adapted
    assert "never saw a real image" not in adapted
