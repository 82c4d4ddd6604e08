"""The engines of a model folder in PyTorch, eager or compiled."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path

import torch

from ...base import InputError, library_versions, resolve_precision
from ...base.device import FP8
from ...base.digest import key_digest
from ...engine import Cache, Engine, TorchEngine, compiled_engine
from ..graphs.deep_cache import full_step, shallow_step
from ..graphs.float8_step import LayerRange, narrow_layers
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
    check_choice,
    image_sides,
    model_engines,
    with_graphs,
)
from .float8 import WIDE, float8_layers, ranges_digest
from .profiles import batch_profiles, chosen_batches


def torch_engines(folder: Path, choice: EngineChoice, cache: Cache) -> ModelEngines:
    """The engines of the model in `folder`; see `load_engines`."""
    if is_exported(folder):
        raise InputError(
            f"{str(folder)!r} holds ONNX graphs: use engine 'onnxruntime' or 'tensorrt', or give "
            "the folder that it was exported from"
        )
    check_choice(choice)
    parts = find_parts(folder, choice.parts)
    size = image_sides(parts.info, choice.generate_size)
    device = choice.device
    is_float8 = choice.precision == FP8
    dtype = WIDE if is_float8 else resolve_precision(choice.precision, device)
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
    ranges = _float8_ranges(folder, choice, specs, size, cache) if is_float8 else {}
    make_module = _module_maker(choice, parts, own, dtypes, ranges)
    compiled = choice.variant == "compiled"
    engines: dict[str, Engine] = {}
    for name, spec in specs.items():
        if compiled:
            digest = (own if name == DENOISE_FIRST else parts).digest
            made_of = {"model": digest, "graph": name, "attention": choice.attention}
            if name in ranges:
                made_of["float8"] = ranges_digest(ranges[name])
            key = key_digest({**made_of, "libraries": library_versions(MODULES_FROM)})
            make = functools.partial(make_module, name)
            engines[name] = compiled_engine(make, spec, profiles[name], device, key, cache)
        else:
            module = make_module(name)
            if device.type == "cpu":
                module = use_onednn_linear(module)
            engines[name] = TorchEngine(module, spec, device)
    return model_engines(parts.info, with_graphs(engines, choice), dtype, size)


def _module_maker(
    choice: EngineChoice,
    parts: ModelParts,
    own: ModelParts,
    dtypes: Mapping[str, torch.dtype],
    ranges: Mapping[str, Mapping[str, LayerRange]],
) -> Callable[[str], torch.nn.Module]:
    """What makes the graph of a name, with the narrow layers of its `ranges`, if it has any.

    `own` are the parts with the model's own UNet.
    """
    compiled, device = choice.variant == "compiled", choice.device
    # On CPUs fused transformers won nothing over PyTorch's own operations.
    eager = not (compiled or ranges) and device.type == "cuda"
    load = functools.partial(load_module, native=True, eager=eager)

    def load_step(name: str) -> DenoiseStep:
        step = load(
            DENOISE, own if name == DENOISE_FIRST else parts, dtypes[DENOISE], choice.attention
        )
        assert isinstance(step, DenoiseStep)
        check_attention(step, choice.attention, device)
        if name in ranges:
            narrow_layers(step.unet, ranges[name], simulated=not compiled)
        return step

    shared = functools.cache(lambda: load_step(DENOISE))  # both steps of deep cache have one UNet

    def make_module(name: str) -> torch.nn.Module:
        if name == DENOISE_SHALLOW:
            return shallow_step(shared())
        if name == DENOISE and choice.deep_cache:
            return full_step(shared())
        if name in (DENOISE, DENOISE_FIRST):
            return load_step(name)
        return load(name, parts, dtypes[name])

    return make_module


def _float8_ranges(
    folder: Path,
    choice: EngineChoice,
    graphs: Collection[str],
    size: tuple[int, int],
    cache: Cache,
) -> dict[str, dict[str, LayerRange]]:
    """The layers' ranges of each denoising graph."""
    wanted = {DENOISE: choice.parts.unet, DENOISE_FIRST: OWN_UNET}
    ranges = {}
    for name, unet in wanted.items():
        if name in graphs:
            named = replace(choice, parts=replace(choice.parts, unet=unet))
            ranges[name] = float8_layers(find_parts(folder, named.parts), named, size, cache)
    if DENOISE_SHALLOW in graphs:
        ranges[DENOISE_SHALLOW] = ranges[DENOISE]
    return ranges


def _vae_dtype(device: torch.device) -> torch.dtype:
    """In place of fp16, which overflows in some VAEs: black images."""
    native = resolve_precision("auto", device)
    return native if native == torch.bfloat16 else torch.float32
