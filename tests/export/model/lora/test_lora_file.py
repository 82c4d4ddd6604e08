"""LoRA files that are damaged, or hold more than plain LoRA layers."""

import pytest
import torch

from zeroreal.export.model.lora import Lora
from zeroreal.export.model.lora_merge import merge_into_text_encoders, merge_into_unet

Q = "up_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"


SPELLINGS = {
    "peft": (".lora_A.weight", ".lora_B.weight"),
    "diffusers": (".lora.down.weight", ".lora.up.weight"),
    "diffusers text": (".lora_linear_layer.down.weight", ".lora_linear_layer.up.weight"),
    "kohya": (".lora_down.weight", ".lora_up.weight"),
}


def pair(name, down=(2, 8), up=(8, 2), endings=SPELLINGS["peft"]):
    return {name + endings[0]: torch.zeros(down), name + endings[1]: torch.zeros(up)}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (f"unet.{Q}.lora_magnitude_vector", "is of DoRA"),
        (f"unet.{Q}.lora_B.bias", "is not a plain LoRA layer"),
        ("lora_unet_conv_in.dora_scale", "is of DoRA"),
        ("lora_unet_conv_in.hada_w1_a", "is of LoHa"),
        ("lora_unet_conv_in.lokr_w1", "is of LoKr"),
        ("lora_unet_conv_in.lora_mid.weight", "is of Tucker (LoCon)"),
        ("bundle_emb.x.string_to_param.*", "is of embeddings of a textual inversion"),
        ("lora_unet_conv_in.diff", "is of whole differences of weights"),
        ("lora_unet_conv_in.a1.weight", "is of GLoRA"),
        ("down_blocks.0.resnets.0.conv1.weight", "is a weight of a model and of no LoRA layer"),
    ],
)
def test_what_is_more_than_a_plain_lora_layer_is_refused(
    tmp_path, unet, name, kind, complaint, small_tensors, write
):
    path = write(tmp_path / "a.safetensors", small_tensors(unet) | {name: torch.zeros(1)})
    message = complaint(merge_into_unet, unet, [Lora(path, 1)])
    assert f"holds {name!r}, which {kind}" in message


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("emb_params", "a textual inversion: give it as --textual-inversion"),
        ("clip_l", "a textual inversion"),
        ("model.diffusion_model.out.2.bias", "a whole checkpoint: give it as the model"),
        ("controlnet_cond_embedding.conv_in.weight", "a ControlNet, which is not used here"),
        ("lllite_unet_x.conditioning1.0.weight", "a ControlNet"),
        ("image_proj.proj.weight", "an IP-Adapter, which is not used here"),
        ("lycoris_conv_in.lora_down.weight", "layers that LyCORIS names without their part"),
    ],
)
def test_what_is_no_lora_is_told_as_what_it_is(tmp_path, unet, name, kind, complaint, write):
    path = write(tmp_path / "a.safetensors", {name: torch.zeros(1)})
    message = complaint(merge_into_unet, unet, [Lora(path, 1)])
    assert f"LoRA file {str(path)!r} holds {name!r}: it is {kind}" in message


def test_the_alpha_of_another_kind_is_no_damage(tmp_path, unet, complaint, write):
    """LoHa and LoKr files always carry alphas, which come first in the order of names."""
    names = ("conv_in.alpha", "conv_in.hada_w1_a", "conv_in.hada_w1_b")
    path = write(tmp_path / "a.safetensors", {f"lora_unet_{n}": torch.zeros(1) for n in names})
    assert "is of LoHa" in complaint(merge_into_unet, unet, [Lora(path, 1)])


@pytest.mark.parametrize("prefix", ["", "base_model.model."])
def test_what_peft_saves_itself_is_told_as_that(tmp_path, unet, prefix, complaint, write):
    path = write(tmp_path / "a.safetensors", pair(prefix + Q))
    message = complaint(merge_into_unet, unet, [Lora(path, 1)])
    assert f"'{prefix}{Q}.lora_A.weight' without its part of the model, as peft does" in message


def test_an_alpha_beside_names_of_peft_is_refused(tmp_path, unet, complaint, write):
    tensors = pair(f"unet.{Q}", (2, 128), (128, 2)) | {f"unet.{Q}.alpha": torch.tensor(1.0)}
    path = write(tmp_path / "a.safetensors", tensors)
    message = complaint(merge_into_unet, unet, [Lora(path, 1)])
    assert f"'unet.{Q}.alpha' beside names of peft" in message


def test_matrices_of_a_1x1_convolution_change_a_linear_layer(tmp_path, unet, write):
    generator = torch.Generator().manual_seed(0)
    down, up = (torch.randn(shape, generator=generator) for shape in ((2, 128), (128, 2)))
    weight = unet.get_submodule(Q).weight
    expected = weight + 0.5 * up @ down
    tensors = {f"unet.{Q}.lora_A.weight": down[..., None, None]}
    tensors |= {f"unet.{Q}.lora_B.weight": up[..., None, None]}
    merge_into_unet(unet, [Lora(write(tmp_path / "a.safetensors", tensors), 0.5)])
    torch.testing.assert_close(weight, expected)


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        ("unet.conv_in.lora_A.weight", "unet.conv_in.lora_B.weight"),
        ("lora_unet_conv_in.lora_up.weight", "lora_unet_conv_in.lora_down.weight"),
        ("lora_unet_conv_in.alpha", "lora_unet_conv_in.lora_up.weight"),
    ],
)
def test_half_a_layer_is_refused(tmp_path, unet, name, missing, complaint, write):
    path = write(tmp_path / "a.safetensors", {name: torch.zeros(1, 1)})
    message = complaint(merge_into_unet, unet, [Lora(path, 1)])
    assert f"holds {name!r} without {missing!r}" in message


@pytest.mark.parametrize(
    "second",
    [
        pair(
            "lora_te1_text_model_encoder_layers_0_mlp_fc1", (2, 128), (512, 2), SPELLINGS["kohya"]
        ),
        pair("text_encoder.encoder.layers.0.mlp.fc1", (2, 128), (512, 2)),
    ],
)
def test_a_layer_in_two_spellings_is_refused(tmp_path, encoder, second, complaint, write):
    first = pair("text_encoder.text_model.encoder.layers.0.mlp.fc1", (2, 128), (512, 2))
    path = write(tmp_path / "a.safetensors", first | second)
    message = complaint(merge_into_text_encoders, [encoder], [Lora(path, 1)])
    assert "holds a layer twice" in message


def test_a_file_of_nan_is_refused(tmp_path, unet, complaint, small_tensors, write):
    tensors = small_tensors(unet)
    tensors[f"unet.{Q}.lora_B.weight"][3, 1] = float("nan")
    path = write(tmp_path / "a.safetensors", tensors)
    message = complaint(merge_into_unet, unet, [Lora(path, 1)])
    assert f"NaN or infinity in 'unet.{Q}.lora_B.weight'" in message


def test_an_empty_file_is_refused(tmp_path, unet, complaint, write):
    path = write(tmp_path / "a.safetensors", {})
    assert "holds no layers" in complaint(merge_into_unet, unet, [Lora(path, 1)])


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 a pickle by another name"])
def test_a_file_that_is_no_safetensors_file_is_refused(tmp_path, unet, content, complaint):
    path = tmp_path / "a.safetensors"
    path.write_bytes(content)
    assert "cannot be read as safetensors" in complaint(merge_into_unet, unet, [Lora(path, 1)])


def test_a_truncated_file_is_refused(tmp_path, unet, complaint, small_tensors, write):
    path = write(tmp_path / "a.safetensors", small_tensors(unet))
    path.write_bytes(path.read_bytes()[:-8])
    assert "cannot be read as safetensors" in complaint(merge_into_unet, unet, [Lora(path, 1)])
