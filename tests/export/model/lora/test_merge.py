"""LoRA files merged into weights, against sums in float64 and against `diffusers` with `peft`."""

import copy
import json

import pytest
import torch

from zeroreal.export.model.lora import Lora
from zeroreal.export.model.lora_merge import merge_into_text_encoders, merge_into_unet

SPELLINGS = {
    "peft": (".lora_A.weight", ".lora_B.weight"),
    "diffusers": (".lora.down.weight", ".lora.up.weight"),
    "diffusers text": (".lora_linear_layer.down.weight", ".lora_linear_layer.up.weight"),
    "kohya": (".lora_down.weight", ".lora_up.weight"),
}


def kohya(prefix):
    return lambda name: prefix + name.replace(".", "_")


def test_two_files_add_up(tmp_path, unet, check_added, write_random):
    before = copy.deepcopy(unet)
    first, added = write_random(tmp_path / "a.safetensors", unet, "unet.{}".format)
    second, more = write_random(
        tmp_path / "b.safetensors", unet, kohya("lora_unet_"), "kohya", lambda index: 2, seed=1
    )
    merge_into_unet(unet, [Lora(first, 1), Lora(second, 0.5)])
    check_added(unet, before, added, {name: change / 2 for name, change in more.items()})


def test_scale_0_changes_nothing(tmp_path, unet, same, write_random):
    before = copy.deepcopy(unet)
    path, _ = write_random(tmp_path / "a.safetensors", unet, "unet.{}".format)
    merge_into_unet(unet, [Lora(path, 0)])
    assert same(unet, before)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_rounded_once(tmp_path, unet, dtype, layers, write_random):
    unet.to(dtype)
    before = copy.deepcopy(unet)
    first, added = write_random(tmp_path / "a.safetensors", unet, "unet.{}".format)
    second, more = write_random(tmp_path / "b.safetensors", unet, "unet.{}".format, seed=1)
    merge_into_unet(unet, [Lora(first, 1), Lora(second, 1)])
    digits = 10 if dtype == torch.float16 else 7
    for name, layer in layers(unet).items():
        exact = layers(before)[name].weight.double() + added[name] + more[name]
        spacing = torch.exp2(exact.abs().log2().floor().clamp(min=-14) - digits)
        assert layer.weight.dtype == dtype
        # The sum itself is made in float32.
        assert ((layer.weight.double() - exact).abs() <= 0.5 * spacing + 1e-7).all()


def test_nothing_of_the_files_stays_on_the_module(tmp_path, unet, encoder, write_random):
    for module, part in ((unet, "unet"), (encoder, "text_encoder")):
        classes = [(name, type(layer)) for name, layer in module.named_modules()]
        names, own = list(module.state_dict()), set(vars(module))
        path, _ = write_random(tmp_path / "a.safetensors", module, f"{part}.{{}}".format)
        if part == "unet":
            merge_into_unet(module, [Lora(path, 1)])
        else:
            merge_into_text_encoders([module], [Lora(path, 1)])
        assert [(name, type(layer)) for name, layer in module.named_modules()] == classes
        assert list(module.state_dict()) == names
        assert set(vars(module)) == own


def test_a_file_for_one_part_leaves_the_other_as_it_is(tmp_path, unet, encoder, same, write_random):
    before = copy.deepcopy(unet), copy.deepcopy(encoder)
    for_unet, _ = write_random(tmp_path / "a.safetensors", unet, "unet.{}".format)
    for_text, _ = write_random(
        tmp_path / "b.safetensors", encoder, kohya("lora_te_text_model_"), "kohya"
    )
    merge_into_text_encoders([encoder], [Lora(for_unet, 1)])
    merge_into_unet(unet, [Lora(for_text, 1)])
    assert same(unet, before[0])
    assert same(encoder, before[1])


@pytest.mark.parametrize("spelling", ["kohya", "peft"])
def test_outputs_equal_those_of_diffusers_with_the_same_file(
    tmp_path, stored_pipeline, spelling, layers, random_factors, write
):
    pytest.importorskip("peft")
    ours, theirs = copy.deepcopy(stored_pipeline), copy.deepcopy(stored_pipeline)
    names = {
        "kohya": (kohya("lora_unet_"), kohya("lora_te_text_model_")),
        "peft": ("unet.{}".format, "text_encoder.text_model.{}".format),
    }[spelling]
    generator = torch.Generator().manual_seed(0)
    tensors = {}
    for module, name_of in zip((ours.unet, ours.text_encoder), names, strict=True):
        for name, layer in layers(module).items():
            factors = random_factors(layer, 4, generator)
            for ending, factor in zip(SPELLINGS[spelling], factors, strict=True):
                tensors[name_of(name) + ending] = factor
            if spelling == "kohya":
                tensors[name_of(name) + ".alpha"] = torch.tensor(3.0)
    config = {}
    for part, module in (("unet", ours.unet), ("text_encoder", ours.text_encoder)):
        fields = {"r": 4, "lora_alpha": 3, "target_modules": list(layers(module))}
        config |= {f"{part}.{key}": value for key, value in fields.items()}
    metadata = {"format": "pt", "lora_adapter_metadata": json.dumps(config)}
    path = write(tmp_path / "a.safetensors", tensors, metadata if spelling == "peft" else None)

    theirs.load_lora_weights(tmp_path, weight_name=path.name)
    theirs.fuse_lora(lora_scale=0.6)
    merge_into_unet(ours.unet, [Lora(path, 0.6)])
    merge_into_text_encoders([ours.text_encoder], [Lora(path, 0.6)])

    tokens = torch.arange(2 * 32).reshape(2, 32)
    config = ours.unet.config
    latents = torch.randn(2, config.in_channels, config.sample_size, config.sample_size)
    with torch.no_grad():
        texts = [pipeline.text_encoder(tokens).last_hidden_state for pipeline in (ours, theirs)]
        noises = [pipeline.unet(latents, 500, texts[0]).sample for pipeline in (ours, theirs)]
        plain = stored_pipeline.unet(latents, 500, texts[0]).sample
    torch.testing.assert_close(texts[0], texts[1], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(noises[0], noises[1], rtol=1e-4, atol=1e-5)
    assert not torch.allclose(noises[0], plain, atol=0.1)


def pair(name, down=(2, 8), up=(8, 2), endings=SPELLINGS["peft"]):
    return {name + endings[0]: torch.zeros(down), name + endings[1]: torch.zeros(up)}


def test_no_weight_changes_where_any_layer_of_any_file_does_not_fit(
    tmp_path, unet, complaint, same, small_tensors, write
):
    before = copy.deepcopy(unet)
    good = write(tmp_path / "good.safetensors", small_tensors(unet))
    bad = write(tmp_path / "bad.safetensors", small_tensors(unet) | pair("unet.zzz"))
    assert "'unet.zzz'" in complaint(merge_into_unet, unet, [Lora(good, 1), Lora(bad, 1)])
    assert same(unet, before)
