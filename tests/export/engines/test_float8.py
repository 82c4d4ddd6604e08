"""Precision fp8 of the torch engine: where it exists, and what it does to the embedded model."""

from dataclasses import replace

import pytest
import torch

from zeroreal.assets import TINY_FASHION
from zeroreal.base import InputError
from zeroreal.engine import Cache
from zeroreal.export import EngineChoice, random_inputs
from zeroreal.export.engines import float8, native
from zeroreal.export.engines.choice import check_choice
from zeroreal.export.engines.load import load_engines
from zeroreal.export.graphs import float8_choice, float8_step
from zeroreal.export.graphs.float8_linear import Float8Linear
from zeroreal.export.model.parts import FEW_STEP_UNET, OWN_UNET, PartsChoice
from zeroreal.generate import GenerateSettings, TuneRequest
from zeroreal.generate.own_trajectories import record_own_steps
from zeroreal.generate.tuning.request import Candidate

CPU, GPU = torch.device("cpu"), torch.device("cuda")
FEW = PartsChoice(unet=FEW_STEP_UNET)
CHOICE = EngineChoice("torch", "simulated", CPU, "fp8", batch_size=4, parts=FEW)


@pytest.fixture(name="on")
def _on(monkeypatch):
    """A function that checks a choice on a GPU of this capability."""
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "NVIDIA A100")

    def check(capability, **changes):
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
        check_choice(replace(CHOICE, **{"variant": "compiled", "device": GPU, **changes}))

    return check


@pytest.mark.parametrize("capability", [(8, 9), (9, 0), (12, 0)])
def test_gpus_from_ada_on_have_it_compiled_and_in_tensorrt(on, capability):
    on(capability)
    on(capability, backend="tensorrt", variant=None)


@pytest.mark.parametrize(
    ("capability", "changes", "message"),
    [
        ((8, 6), {}, "'NVIDIA A100' of compute capability 8.6 has fp32, bf16 and fp16"),
        ((9, 0), {"variant": None}, "engine 'torch' has fp32, bf16 and fp16: name engine"),
        ((9, 0), {"variant": "eager"}, "engine 'torch:eager' has"),
        ((9, 0), {"backend": "onnxruntime", "variant": None}, "'onnxruntime' has fp32 and fp16"),
        ((8, 6), {"backend": "tensorrt", "variant": None}, "'NVIDIA A100' of compute capability"),
        ((9, 0), {"device": CPU}, "'cpu' has fp32 and bf16: use one of these, or a GPU"),
        ((9, 0), {"variant": "simulated", "precision": "bf16"}, "precision 'bf16' was asked for"),
    ],
)
def test_others_say_what_they_have(on, capability, changes, message):
    with pytest.raises(InputError, match=message):
        on(capability, **changes)


def test_engines_that_are_found_by_themselves_never_have_it():
    with pytest.raises(InputError, match="engine 'auto' has fp32, bf16 and fp16: name engine"):
        TuneRequest(GPU, GenerateSettings(precision="fp8"))


def test_batch_sizes_for_it_are_found_without_compiling_in_bf16():
    request = TuneRequest(GPU, GenerateSettings(precision="fp8", engine="torch:compiled"))
    found = {
        engine: Candidate(engine, "auto", False).choice(request, 1, 1).precision
        for engine in ("torch", "torch:compiled")
    }
    assert found == {"torch": "bf16", "torch:compiled": "fp8"}


def test_what_has_no_trajectories_is_told_so(tmp_path):
    with pytest.raises(InputError, match="is for generating images"):
        load_engines(TINY_FASHION, CHOICE, Cache(tmp_path))


def test_a_model_without_suitable_layers_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(float8, "measure_layers", lambda step, inputs: {})
    with pytest.raises(InputError, match="has none among 0, use 'bf16'"):
        load_engines(TINY_FASHION, replace(CHOICE, record_steps=lambda *a: []), Cache(tmp_path))


@pytest.fixture(name="recorded", scope="module")
def _recorded(tmp_path_factory):
    """A cache in which the few-step UNet's layers are measured, and how often trajectories ran."""
    cache, runs = Cache(tmp_path_factory.mktemp("cache")), []

    def record(folder, parts, *others):
        runs.append(parts.unet)
        return record_own_steps(folder, parts, *others)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(float8_choice, "_PROBES", 2)  # which halves the time
        choice = replace(CHOICE, record_steps=record)
        yield load_engines(TINY_FASHION, choice, cache), choice, cache, runs


def test_the_embedded_models_steps_change_by_little(recorded):
    narrow, _, cache, _ = recorded
    choice = replace(CHOICE, variant="eager", precision="bf16")
    wide = load_engines(TINY_FASHION, choice, cache)
    inputs = random_inputs(narrow.denoise.spec, {"batch": 3, "rows": 3}, 5, vocabulary=600)
    found, expected = (engine.denoise(inputs)["next_latents"] for engine in (narrow, wide))
    error = (found - expected).norm() / expected.norm()
    assert 0 < error < 0.05
    assert narrow.dtype == torch.bfloat16


def test_layers_are_measured_once_and_kept(recorded):
    engines, choice, cache, runs = recorded
    again = load_engines(TINY_FASHION, choice, cache)
    assert runs == [FEW_STEP_UNET]
    inputs = random_inputs(engines.denoise.spec, {"batch": 2, "rows": 2}, 6, vocabulary=600)
    one, other = (found.denoise(inputs)["next_latents"] for found in (engines, again))
    assert torch.equal(one, other)
    kept = [entry.key for entry in cache.entries() if entry.key.kind == "float8"]
    assert [key.options["size"] for key in kept] == [[32, 32]]


def test_each_of_two_unets_is_measured_on_its_own_trajectories(monkeypatch, tmp_path):
    runs = []
    plain = float8_step.LayerRange(4.0, 0.001, True)
    name = "mid_block.attentions.0.proj_in"
    monkeypatch.setattr(float8, "measure_layers", lambda step, inputs: {name: plain})
    choice = replace(
        CHOICE,
        first_steps=True,
        record_steps=lambda folder, parts, *others: runs.append(parts.unet),
    )
    load_engines(TINY_FASHION, choice, Cache(tmp_path))
    assert runs == [FEW_STEP_UNET, OWN_UNET]


def test_how_many_layers_are_narrow_is_said_once(caplog, tmp_path, monkeypatch):
    found = {
        "mid_block.attentions.0.proj_in": float8_step.LayerRange(4.0, 0.001, True),
        "mid_block.attentions.0.proj_out": float8_step.LayerRange(4.0, 0.2, False),
    }
    monkeypatch.setattr(float8, "measure_layers", lambda step, inputs: found)
    float8._say.cache_clear()
    choice = replace(CHOICE, record_steps=lambda *others: [])
    for _ in range(2):
        load_engines(TINY_FASHION, choice, Cache(tmp_path))
    said = [record.getMessage() for record in caplog.records]
    assert said == ["fp8: 1 of 2 linear layers of few_step_unet, 1 left in bf16"]


def test_compiled_it_multiplies_in_8_bits_and_is_told_apart_in_the_cache(monkeypatch, tmp_path):
    name, asked = "mid_block.attentions.0.proj_in", {}

    def compiled_engine(make, spec, profile, device, digest, cache):
        asked[spec.name] = make, digest

    def digests_at(largest):
        found = {name: float8_step.LayerRange(largest, 0.001, True)}
        monkeypatch.setattr(float8, "measure_layers", lambda step, inputs: found)
        cache = Cache(tmp_path / str(largest))
        choice = replace(CHOICE, variant="compiled", record_steps=lambda *others: [])
        with pytest.raises(AttributeError):  # these engines are None
            load_engines(TINY_FASHION, choice, cache).backend  # noqa: B018
        return {graph: digest for graph, (_, digest) in asked.items()}

    monkeypatch.setattr(native, "check_choice", lambda choice: None)  # there is no GPU
    monkeypatch.setattr(native, "compiled_engine", compiled_engine)
    one, other = digests_at(4.0), digests_at(40.0)
    assert {graph for graph in one if one[graph] != other[graph]} == {"denoise"}
    step = asked["denoise"][0]()
    layers = [name for name, layer in step.unet.named_modules() if type(layer) is Float8Linear]
    assert layers == [name]
