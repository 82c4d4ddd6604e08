"""The engines of a model folder in PyTorch, eager or compiled."""

from __future__ import annotations

import functools
from dataclasses import replace
from pathlib import Path

import torch

from ...base import InputError, library_versions, resolve_precision
from ...base.digest import key_digest
from ...engine import Cache, Engine, TorchEngine, compiled_engine
from ..graphs.deep_cache import full_step, shallow_step
from ..graphs.modules import check_attention, load_module
from ..graphs.onednn_linear import use_onednn_linear
from ..graphs.specs import (
    DENOISE,
    DENOISE_FIRST,
    DENOISE_SHALLOW,
    GRAPHS,
    VAE_DECODER,
    VAE_ENCODER,
    graph_specs,
    vae_encoder_spec,
)
from ..graphs.steps import DenoiseStep
from ..model.parts import OWN_UNET, ModelParts, find_parts
from ..onnx.manifest import is_exported
from .choice import (
    MODULES_FROM,
    EngineChoice,
    ModelEngines,
    image_sides,
    model_engines,
    with_graphs,
)
from .profiles import batch_profiles, chosen_batches


def torch_engines(folder: Path, choice: EngineChoice, cache: Cache) -> ModelEngines:
    """The engines of the model in `folder`; see `load_engines`."""
    if is_exported(folder):
        raise InputError(
            f"{str(folder)!r} holds ONNX graphs: use engine 'onnxruntime' or 'tensorrt', or give "
            "the folder that it was exported from"
        )
    parts = find_parts(folder, choice.parts)
    size = image_sides(parts.info, choice.generate_size)
    device = choice.device
    dtype = resolve_precision(choice.precision, device)
    dtypes = dict.fromkeys((*GRAPHS, VAE_ENCODER), dtype)
    if dtype == torch.float16:
        dtypes[VAE_DECODER] = dtypes[VAE_ENCODER] = _vae_dtype(device)
    specs = graph_specs(parts.info, dtypes, size, draws_noise=True, deep_cache=choice.deep_cache)
    if not choice.decodes:
        del specs[VAE_DECODER]
    if choice.encodes:
        specs[VAE_ENCODER] = vae_encoder_spec(parts.info, size)
    own = find_parts(folder, replace(choice.parts, unet=OWN_UNET))
    if choice.first_steps:
        first = graph_specs(own.info, dtypes, size, draws_noise=True)[DENOISE]
        specs[DENOISE_FIRST] = replace(first, name=DENOISE_FIRST)
    profiles = batch_profiles(*chosen_batches(choice))
    compiled = choice.variant == "compiled"
    # On CPUs fused transformers won nothing over PyTorch's own operations.
    eager = not compiled and device.type == "cuda"
    load = functools.partial(load_module, native=True, eager=eager)

    def load_step(parts: ModelParts) -> DenoiseStep:
        step = load(DENOISE, parts, dtype, choice.attention)
        assert isinstance(step, DenoiseStep)
        check_attention(step, choice.attention, device)
        return step

    shared = functools.cache(lambda: load_step(parts))  # both steps of deep cache have one UNet

    def make_module(name: str) -> torch.nn.Module:
        if name == DENOISE_SHALLOW:
            return shallow_step(shared())
        if name == DENOISE_FIRST:
            return load_step(own)
        if name == DENOISE:
            return full_step(shared()) if choice.deep_cache else load_step(parts)
        return load(name, parts, dtypes[name])

    engines: dict[str, Engine] = {}
    for name, spec in specs.items():
        if compiled:
            digest = (own if name == DENOISE_FIRST else parts).digest
            made_of = {"model": digest, "graph": name, "attention": choice.attention}
            key = key_digest({**made_of, "libraries": library_versions(MODULES_FROM)})
            make = functools.partial(make_module, name)
            engines[name] = compiled_engine(make, spec, profiles[name], device, key, cache)
        else:
            module = make_module(name)
            if device.type == "cpu":
                module = use_onednn_linear(module)
            engines[name] = TorchEngine(module, spec, device)
    return model_engines(parts.info, with_graphs(engines, choice), dtype, size)


def _vae_dtype(device: torch.device) -> torch.dtype:
    """In place of fp16, which overflows in some VAEs: black images."""
    native = resolve_precision("auto", device)
    return native if native == torch.bfloat16 else torch.float32
