"""A batch's operations and bytes, by hand."""

from dataclasses import replace

import pytest

from zeroreal.assets import TINY_FASHION
from zeroreal.benchmarks.generation.flops import ModelFlops, count_flops
from zeroreal.benchmarks.latency.job import LatencyJob
from zeroreal.benchmarks.latency.roofline import Work
from zeroreal.benchmarks.latency.stage_work import batch_work, counted_work
from zeroreal.benchmarks.latency.traffic import Traffic
from zeroreal.benchmarks.latency.worker import Loaded
from zeroreal.generate import GenerateSettings

LOADED = Loaded(
    found={},
    dtype="bfloat16",
    vae_dtype="float32",
    generate_size=(32, 32),
    image_size=16,
    batch_size=6,
    vae_batch_size=4,
    rows=(2, 1),
    texts=(5, 1),
)
FLOPS = ModelFlops(text=7, unet_row=100, vae_decoder=30)
TRAFFIC = {
    "text": Traffic(1000, 10),
    "unet_row": Traffic(2000, 20),
    "vae_decoder": Traffic(3000, 30),
}


def test_steps_have_two_rows_for_each_image_where_guidance_acts():
    found = counted_work(FLOPS, TRAFFIC, LOADED)
    assert found.steps == (Work(1200, 2 * (2000 + 240)), Work(600, 2 * (2000 + 120)))
    assert found.stages["denoise"] == Work(1800, 2 * (4000 + 360))


def test_six_images_are_decoded_in_two_calls_and_six_texts_encoded_in_two():
    found = counted_work(FLOPS, TRAFFIC, LOADED)
    assert found.stages["vae"] == Work(180, 4 * (2 * 3000 + 6 * 30))
    assert found.stages["text"] == Work(42, 2 * (2 * 1000 + 6 * 10))
    assert found.flop == 1800 + 180 + 42


def test_known_prompts_take_no_work():
    found = counted_work(FLOPS, TRAFFIC, replace(LOADED, texts=()))
    assert "text" not in found.stages
    assert found.flop == 1800 + 180


def work_of(**settings):
    job = LatencyJob(GenerateSettings(**settings), "cpu", "base")
    return batch_work(job, LOADED, TINY_FASHION)


def test_a_model_s_work_is_that_of_its_shapes():
    flops, found = count_flops(TINY_FASHION, (32, 32)), work_of()
    assert found.flop == 6 * (3 * flops.unet_row + flops.vae_decoder) + 6 * flops.text
    read, written = 3 * 32 * 32 * 4, 3 * 16 * 16
    assert found.stages["finish"] == Work(0, 6 * (read + 2 * written))


def test_what_is_not_counted_is_said():
    found = work_of(deep_cache=2, vae="tiny")
    assert found.flop is None
    assert set(found.stages) == {"text", "finish"}
    assert [reason.split(" are ")[0] for reason in found.reasons] == [
        "operations of steps that reuse deep features",
        "operations of another VAE than the model's own",
    ]


def test_an_export_has_no_shapes(tmp_path):
    (tmp_path / "manifest.json").touch()
    job = LatencyJob(GenerateSettings(model=str(tmp_path)), "cpu", "base")
    found = batch_work(job, LOADED, tmp_path)
    assert set(found.stages) == {"finish"}
    assert found.flop is None
    assert batch_work(job, LOADED, TINY_FASHION).flop is not None  # of the model it came from


@pytest.mark.parametrize("rows", [(2,), (1,)])
def test_the_same_images_cost_more_with_guidance(rows):
    (step,) = counted_work(FLOPS, TRAFFIC, replace(LOADED, rows=rows)).steps
    assert step.flop == 600 * rows[0]
