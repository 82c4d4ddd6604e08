"""The names that programs give to the layers in their LoRA files, and their alphas."""

import copy
import json

import pytest
import torch

from zeroreal.export.model.lora import Lora
from zeroreal.export.model.lora_merge import merge_into_text_encoders, merge_into_unet

Q = "up_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"


def kohya(prefix):
    return lambda name: prefix + name.replace(".", "_")


@pytest.mark.parametrize(
    ("spelling", "name_of"),
    [("peft", "unet.{}".format), ("diffusers", "unet.{}".format), ("kohya", kohya("lora_unet_"))],
)
def test_each_spelling_changes_every_unet_layer_by_scale_times_up_times_down(
    tmp_path, unet, spelling, name_of, check_added, write_random
):
    before = copy.deepcopy(unet)
    path, added = write_random(tmp_path / "a.safetensors", unet, name_of, spelling)
    merge_into_unet(unet, [Lora(path, 0.7)])
    check_added(unet, before, {name: 0.7 * change for name, change in added.items()})


@pytest.mark.parametrize(
    ("spelling", "name_of"),
    [
        ("peft", "text_encoder.{}".format),
        ("peft", "text_encoder.text_model.{}".format),
        ("diffusers text", "text_encoder.text_model.{}".format),
        ("kohya", kohya("lora_te_text_model_")),
        ("kohya", kohya("lora_te1_text_model_")),
    ],
)
def test_each_spelling_changes_every_text_encoder_layer(
    tmp_path, encoder, spelling, name_of, check_added, write_random
):
    before = copy.deepcopy(encoder)
    path, added = write_random(tmp_path / "a.safetensors", encoder, name_of, spelling)
    merge_into_text_encoders([encoder], [Lora(path, -1.5)])
    check_added(encoder, before, {name: -1.5 * change for name, change in added.items()})


def test_the_names_of_attention_processors_are_understood(
    tmp_path, unet, encoder, product, random_factors, write
):
    attention, heads = Q.removesuffix(".to_q"), "encoder.layers.0.self_attn"
    generator = torch.Generator().manual_seed(0)
    expected, tensors = {}, {}
    for module, part, spelt, names in (
        (unet, "unet", f"{attention}.processor", {"to_q": "to_q", "to_out": "to_out.0"}),
        (encoder, "text_encoder", f"text_model.{heads}", {"to_v": "v_proj", "to_out": "out_proj"}),
    ):
        path = attention if part == "unet" else heads
        for old, new in names.items():
            layer = module.get_submodule(f"{path}.{new}")
            down, up = random_factors(layer, 2, generator)
            tensors[f"{part}.{spelt}.{old}_lora.down.weight"] = down
            tensors[f"{part}.{spelt}.{old}_lora.up.weight"] = up
            expected[layer] = layer.weight.double() + product(down, up)
    lora = Lora(write(tmp_path / "a.safetensors", tensors), 1)
    merge_into_unet(unet, [lora])
    merge_into_text_encoders([encoder], [lora])
    for layer, weight in expected.items():
        torch.testing.assert_close(layer.weight.double(), weight, rtol=0, atol=2e-6)


def test_each_layer_has_its_own_kohya_alpha(tmp_path, unet, encoder, check_added, write_random):
    for module, prefix, merge in (
        (unet, "lora_unet_", lambda lora: merge_into_unet(unet, [lora])),
        (encoder, "lora_te_text_model_", lambda lora: merge_into_text_encoders([encoder], [lora])),
    ):
        before = copy.deepcopy(module)
        path, added = write_random(
            tmp_path / "a.safetensors", module, kohya(prefix), "kohya", lambda index: 1 + index % 5
        )
        merge(Lora(path, 1))
        check_added(module, before, added)


@pytest.mark.parametrize(
    ("config", "factor"),
    [
        ({"lora_alpha": 1}, 1 / 4),
        ({"lora_alpha": 1, "use_rslora": True}, 1 / 2),
        ({"lora_alpha": 1, "alpha_pattern": {"attn1.to_q": 12, "to_k": 7}}, 12 / 4),
        ({"lora_alpha": 1, "alpha_pattern": {f"^{Q}": 2}}, 2 / 4),
        ({"lora_alpha": 1, "alpha_pattern": {"to_k": 7}}, 1 / 4),
    ],
)
def test_the_alpha_that_diffusers_saves_beside_the_tensors_counts(
    tmp_path, unet, config, factor, product, random_factors, write
):
    layer = unet.get_submodule(Q)
    down, up = random_factors(layer, 4, torch.Generator().manual_seed(0))
    expected = layer.weight.double() + factor * product(down, up)
    path = write(
        tmp_path / "a.safetensors",
        {f"unet.{Q}.lora_A.weight": down, f"unet.{Q}.lora_B.weight": up},
        {"lora_adapter_metadata": json.dumps({f"unet.{key}": v for key, v in config.items()})},
    )
    merge_into_unet(unet, [Lora(path, 1)])
    torch.testing.assert_close(layer.weight.double(), expected, rtol=0, atol=2e-6)
