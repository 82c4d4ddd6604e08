"""The peers classify as ours do, whatever the model predicts and whoever made the encoder."""

import pytest
import torch
from tiny_encoders import save_transformers

from zeroreal.base import resolve_device
from zeroreal.benchmarks.zeroshot.by_diffusion import DiffusionJob, DiffusionWorker
from zeroreal.benchmarks.zeroshot.names import parse_name
from zeroreal.benchmarks.zeroshot.transformers_encoder import TransformersEncoder
from zeroreal.encoders import load_encoder
from zeroreal.export import check_model_folder
from zeroreal.generate.diffusion_classifier.stages import parse_stages


@pytest.mark.parametrize(("family", "stages"), [("sd21", "2:3,1:1"), ("sdxl", "1:1")])
def test_the_loop_gives_the_classes_that_ours_gives(tiny_model, tmp_path, family, stages):
    folder = tiny_model(family)
    side = check_model_folder(folder).image_side
    job = DiffusionJob(folder, side, 4, parse_stages(stages), "cpu", tmp_path)
    ours, loop = (
        DiffusionWorker(job, parse_name(text)).start(16)
        for text in ("ours:torch/fp32", "diffusers/fp32")
    )
    assert loop.labels == ours.labels
    assert loop.evaluations == ours.evaluations == 4 * job.evaluations_per_image
    assert loop.accuracy == ours.accuracy


@pytest.mark.parametrize("kind", ["siglip2", "align"])
def test_an_encoder_of_transformers_gives_the_cosines_that_ours_gives(tmp_path, kind):
    folder, cpu = save_transformers(kind, tmp_path), resolve_device("cpu")
    texts = ["a photo of a coat", "a photo of a bag"]
    images = torch.randint(256, (5, 40, 40, 3), dtype=torch.uint8)
    encoder, peer = load_encoder(folder, cpu), TransformersEncoder(folder, cpu, texts)
    peer.batch_size = 2
    expected = encoder.embed_images(images) @ encoder.embed_texts(texts).T
    torch.testing.assert_close(peer.logits(images), expected, rtol=1e-4, atol=1e-5)
