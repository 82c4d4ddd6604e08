"""Sampler and decoder keep TensorRT's contract: addresses, streams, contexts."""

import pytest
import torch
from contract_plan import ContractPlan
from stand_in_cuda import stand_in_cuda

from zeroreal.assets import TINY_FASHION
from zeroreal.base.device_part import stream_of_part
from zeroreal.engine import CudaGraphEngine, GraphMemory, TensorRTEngine
from zeroreal.engine.graph import DimensionRange, GraphFile, GraphSpec, TensorSpec
from zeroreal.engine.tensorrt import engine as tensorrt_engine
from zeroreal.engine.tensorrt.report import BuildReport, write_report
from zeroreal.export import load_scheduler, schedule_of
from zeroreal.generate.sampling.decoder import Decoder
from zeroreal.generate.sampling.sampler import Sampler

GPU = torch.device("cuda")
SIDE = 3  # of the latents: an image's are 144 bytes
MOST_CONTEXTS = 8


def tensor(name, *shape, dtype=torch.float32):
    return TensorSpec(name, dtype, shape)


def latents_like(*names):
    return [tensor(name, "batch", 4, SIDE, SIDE) for name in names]


STEP = GraphSpec(
    "denoise",
    (
        *latents_like("latents", "history", "noise"),
        tensor("timestep", 1),
        tensor("coefficients", 7),
        tensor("guidance", "batch"),
        tensor("text_embeddings", "batch", 1),
    ),
    tuple(latents_like("next_latents", "carry")),
)
VAE = GraphSpec(
    "vae_decoder", tuple(latents_like("latents")), (tensor("images", "batch", 3, SIDE, SIDE),)
)


def step(latents, history, noise, timestep, coefficients, guidance, text_embeddings):
    """A step by its definition, with some function for the UNet."""
    c = coefficients
    output = guidance.view(-1, 1, 1, 1) * torch.tanh(c[0] * latents + timestep / 500)
    following = c[1] * latents + c[2] * output + c[3] * history + c[4] * noise
    return {"next_latents": following, "carry": c[5] * latents + c[6] * output}


def decode(latents):
    return {"images": latents[:, :3].tanh()}


@pytest.fixture
def cuda(monkeypatch):
    cuda = stand_in_cuda(monkeypatch)
    # Its tensors lie on the CPU.
    monkeypatch.setattr("zeroreal.engine.graph._same", lambda one, other: True)
    with cuda.watched():
        yield cuda
    assert cuda.faults == []


@pytest.fixture
def engine(cuda, monkeypatch, tmp_path):
    """A function that makes an engine around a contract plan, and gives both."""

    def make(spec, compute):
        plan = ContractPlan(spec, compute, cuda)
        report = BuildReport(
            graph=spec.name,
            structure_digest="structure",
            weights_digest="weights",
            library="none",
            target="sm_89",
            profile={"batch": DimensionRange(1, 4, 16)},
            refittable=False,
            seconds=1.0,
            plan_bytes=0,
            weight_bytes=0,
            activation_bytes=0,
            layers=(),
            attention=(),
        )
        write_report(report, tmp_path)
        monkeypatch.setattr(tensorrt_engine, "deserialize", lambda *_: plan)
        monkeypatch.setattr(tensorrt_engine, "ContextMaker", lambda *_: plan)
        graph = GraphFile(None, spec, "structure", "weights")
        made = TensorRTEngine(tmp_path, graph, GPU, most_contexts=MOST_CONTEXTS)
        made.device = GPU  # a tensor that was made there says it is on the CPU
        return made, plan

    return make


class Plain:
    """The step at once, on the CPU; it remembers where each input began in its memory."""

    device, spec = torch.device("cpu"), STEP

    def __init__(self):
        self.begins = set()

    def __call__(self, inputs, outputs):
        self.begins |= {(name, x.storage_offset() * x.itemsize) for name, x in inputs.items()}
        return {name: outputs[name].copy_(x) for name, x in step(**inputs).items()}


def conditions(images, device="cpu"):
    guidance = torch.linspace(0.3, 0.9, images, device=device)
    return {"guidance": guidance, "text_embeddings": torch.zeros(images, 1, device=device)}


@pytest.mark.parametrize("scheduler", ["UniPCMultistep", "LCM"])
@pytest.mark.parametrize("graphs", [False, True])
def test_the_sampler_keeps_it_for_every_step_and_batch(cuda, engine, scheduler, graphs):
    schedule = schedule_of(load_scheduler(TINY_FASHION, scheduler), 4)
    denoise, plan = engine(STEP, step)
    plain = Sampler(Plain(), schedule)
    sampler = Sampler(denoise, schedule, graphs=GraphMemory.on(GPU) if graphs else None)
    for images in (12, 12, *range(11, 0, -1), 12, 5, 12):
        seeds = torch.arange(images)
        found = sampler(seeds.to(GPU), (4, SIDE, SIDE), conditions(images, GPU))
        expected = plain(seeds, (4, SIDE, SIDE), conditions(images))
        assert found.tolist() == expected.tolist()
        assert len(plan.contexts) <= MOST_CONTEXTS + graphs
    sampler.release()
    torch.cuda.synchronize()
    assert cuda.faults == []


def test_what_differs_from_step_to_step_begins_where_engines_want_it():
    schedule = schedule_of(load_scheduler(TINY_FASHION, "LCM"), 20)
    plain = Plain()
    Sampler(plain, schedule)(torch.arange(3), (4, SIDE, SIDE), conditions(3))
    assert {name for name, _ in plain.begins} == {tensor.name for tensor in STEP.inputs}
    assert [(name, begin) for name, begin in plain.begins if begin % 256] == []


def test_on_a_part_of_the_gpu_denoising_and_decoding_stay_on_its_stream(cuda, engine):
    schedule = schedule_of(load_scheduler(TINY_FASHION, "DDIM"), 2)
    (denoise, _), (vae, _) = engine(STEP, step), engine(VAE, decode)
    sampler, decoder = Sampler(denoise, schedule), Decoder(vae, SIDE, 3)
    part, images = torch.cuda.Stream(), []
    part.wait_stream(torch.cuda.current_stream())
    cuda.used.clear()
    with stream_of_part(part):
        for _ in range(2):
            latents = sampler(torch.arange(4).to(GPU), (4, SIDE, SIDE), conditions(4, GPU))
            with decoder.stream_of(latents) as kept:
                images.append(decoder(kept))
        for decoded in images:
            decoded.wait()
    assert cuda.used == {part.name}
    assert images[0].images.tolist() == images[1].images.tolist()
    torch.cuda.synchronize()


@pytest.mark.parametrize("graphs", [False, True])
def test_the_decoder_keeps_it_for_every_part_of_a_batch(cuda, engine, graphs):
    vae, plan = engine(VAE, decode)
    decoder = Decoder(CudaGraphEngine(vae) if graphs else vae, SIDE, 3)
    for number in range(4):
        latents = torch.rand(7, 4, SIDE, SIDE, generator=torch.Generator().manual_seed(number))
        with decoder.stream_of(latents.to(GPU)) as kept:
            decoded = decoder(kept)
        decoded.wait()
        expected = (latents[:, :3].tanh() * 0.5 + 0.5).mul(255).round().to(torch.uint8)
        assert torch.equal(decoded.images, expected.permute(0, 2, 3, 1))
    assert plan.made == 2  # of three images, and of one
    torch.cuda.synchronize()
    assert cuda.faults == []
