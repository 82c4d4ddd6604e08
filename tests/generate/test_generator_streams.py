"""The order of the generator's work on a GPU's streams, on a stand-in for the GPU."""

from dataclasses import replace

import pytest
import torch
from stand_in_cuda import Stream, stand_in_cuda

from zeroreal.engine import CudaGraphEngine, GraphMemory
from zeroreal.generate import Generator
from zeroreal.generate.filters.duplicates import DuplicateFilter
from zeroreal.generate.filters.quality import PICTURES_ONLY, Quality
from zeroreal.generate.sampling.decoder import Decoder
from zeroreal.generate.sampling.sampler import Sampler
from zeroreal.generate.sampling.stages import StageSeconds

GPU = torch.device("cuda")
BATCH = 4


class OnGpu:
    """An engine on the CPU that says that it is on the GPU."""

    device = GPU

    def __init__(self, engine):
        self.engine, self.spec = engine, engine.spec
        self.backend, self.profile = engine.backend, engine.profile

    def __call__(self, inputs, outputs=None):
        return self.engine(inputs, outputs)


@pytest.fixture(scope="module")
def on_cpu():
    settings = {"steps": 2, "engine": "torch", "precision": "fp32", "batch_size": BATCH}
    return Generator(device="cpu", vae_batch_size=2, **settings)


@pytest.fixture
def cuda(monkeypatch):
    cuda = stand_in_cuda(monkeypatch)
    # Its tensors lie on the CPU.
    monkeypatch.setattr("zeroreal.engine.graph._same", lambda one, other: True)
    with cuda.watched():
        yield cuda


@pytest.fixture
def on_gpu(on_cpu, cuda, monkeypatch):
    """A function that puts the generator on the stand-in, with graphs or without."""

    def put(graphs):
        generator, info = on_cpu, on_cpu.engines
        engines = replace(info, **{n: OnGpu(getattr(info, n)) for n in ("denoise", "vae_decoder")})
        monkeypatch.setattr(generator, "device", GPU)
        monkeypatch.setattr(generator, "engines", engines)
        monkeypatch.setattr(generator.text, "_engine", OnGpu(info.text_encoder))
        generator.text.forget()
        monkeypatch.setattr(generator.text, "_tables", {})
        monkeypatch.setattr(generator, "seconds", StageSeconds(GPU))
        memory = GraphMemory.on(GPU) if graphs else None
        vae = CudaGraphEngine(engines.vae_decoder) if graphs else engines.vae_decoder
        sampler = Sampler(engines.denoise, generator.schedule, graphs=memory)
        monkeypatch.setattr(generator, "_sampler", sampler)
        monkeypatch.setattr(generator, "_decoder", Decoder(vae, 32, 2))
        return generator

    return put


def images_of(generator, specs, quality=PICTURES_ONLY):
    """The images by sample, read as whoever takes the batches would."""
    found = {}
    for batch in generator.generate(specs, quality=quality):
        numbers = [spec.index for spec in batch.specs]
        found |= dict(zip(numbers, batch.images.tolist(), strict=True))
    return found


@pytest.mark.parametrize(
    ("graphs", "quality"),
    [(False, PICTURES_ONLY), (True, Quality((DuplicateFilter(most_distance=20),)))],
    ids=["eager", "graphs and a filter"],
)
def test_batches_decoded_and_judged_beside_denoising_are_ordered_and_right(
    on_cpu, specs, request, graphs, quality
):
    expected = images_of(on_cpu, specs(count=11), quality)
    generator, cuda = request.getfixturevalue("on_gpu")(graphs), request.getfixturevalue("cuda")
    assert images_of(generator, specs(count=11), quality) == expected
    assert images_of(generator, specs(count=11), quality) == expected
    generator._sampler.release()
    assert cuda.faults == []


@pytest.mark.parametrize(
    ("missing", "fault"),
    [("wait_stream", "no event orders them"), ("record_stream", "is freed while")],
)
def test_an_order_that_is_missing_is_found(on_gpu, cuda, specs, monkeypatch, missing, fault):
    generator = on_gpu(graphs=False)
    where = Stream if missing == "wait_stream" else cuda
    monkeypatch.setattr(where, missing, lambda *_: None)
    images_of(generator, specs(count=11))
    assert any(fault in sentence for sentence in cuda.faults)
