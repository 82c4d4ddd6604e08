"""LoRA files merged into weights: against float64 sums, and against `diffusers` with `peft`."""

import copy
import json

import pytest
import torch
from diffusers import StableDiffusionPipeline, UNet2DConditionModel
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from zeroreal.assets import TINY_FASHION
from zeroreal.base.errors import InputError
from zeroreal.export.model.lora import Lora, parse_lora
from zeroreal.export.model.lora_merge import merge_into_text_encoders, merge_into_unet

Q = "up_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"
SPELLINGS = {
    "peft": (".lora_A.weight", ".lora_B.weight"),
    "diffusers": (".lora.down.weight", ".lora.up.weight"),
    "diffusers text": (".lora_linear_layer.down.weight", ".lora_linear_layer.up.weight"),
    "kohya": (".lora_down.weight", ".lora_up.weight"),
}


@pytest.fixture(scope="module")
def stored_pipeline():
    return StableDiffusionPipeline.from_pretrained(TINY_FASHION, safety_checker=None)


@pytest.fixture
def unet(stored_pipeline):
    return copy.deepcopy(stored_pipeline.unet)


@pytest.fixture
def encoder(stored_pipeline):
    return copy.deepcopy(stored_pipeline.text_encoder)


def layers(module):
    """The layers that LoRA trainers change, by path without transformers' changing level."""
    return {
        name.removeprefix("text_model."): layer
        for name, layer in module.named_modules()
        if isinstance(layer, nn.Linear | nn.Conv2d)
    }


def random_factors(layer, rank, generator):
    """`down` and `up` of a layer, as kohya's LoRA modules and peft's shape them."""
    out_size, *in_shape = layer.weight.shape
    ones = [1] * (len(in_shape) - 1)
    down = torch.randn(rank, *in_shape, generator=generator) / 8
    up = torch.randn(out_size, rank, *ones, generator=generator) / 8
    return down, up


def product(down, up):
    return torch.einsum("or,r...->o...", up.double().flatten(1), down.double())


def write(path, tensors, metadata=None):
    save_file(tensors, path, metadata)
    return path


def write_random(path, module, name_of, spelling="peft", alpha=None, seed=0):
    """A file that changes every layer of `module`, and what it adds to each, in float64.

    Args:
        path: the file.
        module: whose layers are changed.
        name_of: the layer's name in the file, for its path in the module.
        spelling: which endings the names have.
        alpha: the alpha of the layer of an index; without it, none is written.
        seed: of the matrices.
    """
    generator = torch.Generator().manual_seed(seed)
    tensors, added = {}, {}
    for index, (name, layer) in enumerate(layers(module).items()):
        rank = 1 + index % 3
        down, up = random_factors(layer, rank, generator)
        for ending, factor in zip(SPELLINGS[spelling], (down, up), strict=True):
            tensors[name_of(name) + ending] = factor
        if alpha is not None:
            tensors[name_of(name) + ".alpha"] = torch.tensor(float(alpha(index)))
        added[name] = product(down, up) * (1 if alpha is None else alpha(index) / rank)
    return write(path, tensors), added


def kohya(prefix):
    return lambda name: prefix + name.replace(".", "_")


def check_added(module, before, *changes):
    """Every layer is what it was plus the changes; every other parameter is what it was."""
    old = layers(before)
    for name, layer in layers(module).items():
        expected = old[name].weight.double() + sum(change[name] for change in changes)
        torch.testing.assert_close(layer.weight.double(), expected, rtol=0, atol=2e-6)
    weights = {f"{name}.weight" for name in old}
    for name, value in before.state_dict().items():
        if name.removeprefix("text_model.") not in weights:
            assert torch.equal(module.state_dict()[name], value)


def same(module, before):
    return all(map(torch.equal, module.state_dict().values(), before.state_dict().values()))


# What is merged


@pytest.mark.parametrize(
    ("spelling", "name_of"),
    [("peft", "unet.{}".format), ("diffusers", "unet.{}".format), ("kohya", kohya("lora_unet_"))],
)
def test_each_spelling_changes_every_unet_layer_by_scale_times_up_times_down(
    tmp_path, unet, spelling, name_of
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
def test_each_spelling_changes_every_text_encoder_layer(tmp_path, encoder, spelling, name_of):
    before = copy.deepcopy(encoder)
    path, added = write_random(tmp_path / "a.safetensors", encoder, name_of, spelling)
    merge_into_text_encoders([encoder], [Lora(path, -1.5)])
    check_added(encoder, before, {name: -1.5 * change for name, change in added.items()})


def test_the_names_of_attention_processors_are_understood(tmp_path, unet, encoder):
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


def test_each_layer_has_its_own_kohya_alpha(tmp_path, unet, encoder):
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
def test_the_alpha_that_diffusers_saves_beside_the_tensors_counts(tmp_path, unet, config, factor):
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


def test_two_files_add_up(tmp_path, unet):
    before = copy.deepcopy(unet)
    first, added = write_random(tmp_path / "a.safetensors", unet, "unet.{}".format)
    second, more = write_random(
        tmp_path / "b.safetensors", unet, kohya("lora_unet_"), "kohya", lambda index: 2, seed=1
    )
    merge_into_unet(unet, [Lora(first, 1), Lora(second, 0.5)])
    check_added(unet, before, added, {name: change / 2 for name, change in more.items()})


def test_scale_0_changes_nothing(tmp_path, unet):
    before = copy.deepcopy(unet)
    path, _ = write_random(tmp_path / "a.safetensors", unet, "unet.{}".format)
    merge_into_unet(unet, [Lora(path, 0)])
    assert same(unet, before)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_rounded_once(tmp_path, unet, dtype):
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


def test_nothing_of_the_files_stays_on_the_module(tmp_path, unet, encoder):
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


def test_a_file_for_one_part_leaves_the_other_as_it_is(tmp_path, unet, encoder):
    before = copy.deepcopy(unet), copy.deepcopy(encoder)
    for_unet, _ = write_random(tmp_path / "a.safetensors", unet, "unet.{}".format)
    for_text, _ = write_random(
        tmp_path / "b.safetensors", encoder, kohya("lora_te_text_model_"), "kohya"
    )
    merge_into_text_encoders([encoder], [Lora(for_unet, 1)])
    merge_into_unet(unet, [Lora(for_text, 1)])
    assert same(unet, before[0])
    assert same(encoder, before[1])


# The same as diffusers


@pytest.mark.parametrize("spelling", ["kohya", "peft"])
def test_outputs_equal_those_of_diffusers_with_the_same_file(tmp_path, stored_pipeline, spelling):
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


# SDXL


@pytest.fixture(scope="module")
def sdxl_encoders():
    torch.manual_seed(0)
    config = CLIPTextConfig(
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        vocab_size=49408,
        projection_dim=24,
    )
    return CLIPTextModel(config), CLIPTextModelWithProjection(config)


@pytest.fixture(scope="module")
def sdxl_unet():
    torch.manual_seed(0)
    return UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(8, 16, 16),
        layers_per_block=2,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        transformer_layers_per_block=(1, 2, 3),
        attention_head_dim=8,
        cross_attention_dim=16,
        norm_num_groups=4,
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=64,
    )


@pytest.mark.parametrize(
    ("spelling", "prefixes"),
    [
        ("peft", ("text_encoder.", "text_encoder_2.")),
        ("peft", ("text_encoder.text_model.", "text_encoder_2.text_model.")),
        ("kohya", ("lora_te1_text_model_", "lora_te2_text_model_")),
    ],
)
def test_each_of_sdxls_text_encoders_gets_its_own_layers(
    tmp_path, sdxl_encoders, spelling, prefixes
):
    encoders = copy.deepcopy(sdxl_encoders)
    tensors, added = {}, []
    for seed, (module, prefix) in enumerate(zip(encoders, prefixes, strict=True)):
        path = tmp_path / f"{seed}.safetensors"

        def name_of(name, prefix=prefix):
            if name == "text_projection":  # it has never been within `text_model`
                prefix = prefix.replace("text_model.", "").replace("text_model_", "")
            return kohya(prefix)(name) if spelling == "kohya" else prefix + name

        _, change = write_random(path, module, name_of, spelling, seed=seed)
        tensors |= load_file(path)
        added.append(change)
    path = write(tmp_path / "both.safetensors", tensors)
    merge_into_text_encoders(encoders, [Lora(path, 1)])
    for encoder, before, change in zip(encoders, sdxl_encoders, added, strict=True):
        check_added(encoder, before, change)
    assert "text_projection" in added[1]


def sgm_name(path):
    """What SDXL's authors call a layer of diffusers' UNet, with underscores for dots.

    From the table in kohya's `sdxl_model_util.py`: input blocks 3i+1, 3i+2 and their downsampler
    3i+3, middle blocks 0 to 2, output blocks 3i to 3i+2, whose last holds the upsampler.
    """
    words = path.split(".")
    in_resnet = {
        "conv1": "in_layers.2",
        "conv2": "out_layers.3",
        "time_emb_proj": "emb_layers.1",
        "conv_shortcut": "skip_connection",
    }
    outside = {
        "conv_in": "input_blocks.0.0",
        "conv_out": "out.2",
        "time_embedding.linear_1": "time_embed.0",
        "time_embedding.linear_2": "time_embed.2",
        "add_embedding.linear_1": "label_emb.0.0",
        "add_embedding.linear_2": "label_emb.0.2",
    }
    if path in outside:
        name = outside[path]
    elif words[0] == "mid_block":
        _, kind, index, *rest = words
        block = 1 if kind == "attentions" else 2 * int(index)
        name = ".".join(["middle_block", str(block), *(in_resnet.get(w, w) for w in rest)])
    else:
        side, level, kind, index, *rest = words
        down = side == "down_blocks"
        block = 3 * int(level) + int(index) + (1 if down else 0)
        place = {"resnets": 0, "attentions": 1}.get(kind)
        if kind == "downsamplers":
            name = f"input_blocks.{3 * int(level) + 3}.0.op"
        elif kind == "upsamplers":
            name = f"output_blocks.{3 * int(level) + 2}.2.conv"
        else:
            rest = [in_resnet.get(word, word) for word in rest]
            block_name = "input_blocks" if down else "output_blocks"
            name = ".".join([block_name, str(block), str(place), *rest])
    return "lora_unet_" + name.replace(".", "_")


@pytest.mark.parametrize("name_of", [sgm_name, kohya("lora_unet_")])
def test_both_of_kohyas_ways_to_name_sdxls_layers_are_understood(tmp_path, sdxl_unet, name_of):
    unet = copy.deepcopy(sdxl_unet)
    path, added = write_random(
        tmp_path / "a.safetensors", unet, name_of, "kohya", lambda index: 1 + index % 2
    )
    merge_into_unet(unet, [Lora(path, 1)])
    check_added(unet, sdxl_unet, added)


# Bad input


def complaint(call, *arguments):
    with pytest.raises(InputError) as caught:
        call(*arguments)
    message = str(caught.value)
    assert "\n" not in message
    return message


def small_tensors(unet, layer=Q):
    down, up = random_factors(unet.get_submodule(layer), 2, torch.Generator().manual_seed(0))
    return {f"unet.{layer}.lora_A.weight": down, f"unet.{layer}.lora_B.weight": up}


def test_a_lora_is_a_file_and_a_scale_after_the_last_colon(tmp_path):
    path = tmp_path / "a:1.safetensors"
    path.touch()
    assert parse_lora(f"{path}:0.8") == Lora(path, 0.8)
    assert parse_lora(f"{path}:-2") == Lora(path, -2)


def test_the_scale_is_1_where_none_is_given(tmp_path):
    path = tmp_path / "a.safetensors"
    path.touch()
    assert parse_lora(str(path)) == Lora(path, 1)


def test_a_missing_file_is_named(tmp_path):
    path = tmp_path / "none.safetensors"
    assert f"LoRA file {str(path)!r} does not exist" in complaint(parse_lora, f"{path}:1")


@pytest.mark.parametrize("ending", ["bin", "ckpt", "pt"])
def test_pickles_are_refused(tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    path.touch()
    assert "convert it to safetensors" in complaint(parse_lora, f"{path}:1")


@pytest.mark.parametrize("scale", ["", "half", "nan", "inf", "1e999"])
def test_a_scale_that_is_no_finite_number_is_refused(tmp_path, scale):
    path = tmp_path / "a.safetensors"
    path.touch()
    assert f"scale {scale!r} of LoRA file {str(path)!r} is not" in complaint(
        parse_lora, f"{path}:{scale}"
    )


FOREIGN = "made for another architecture, use one made for this model's family"


def pair(name, down=(2, 8), up=(8, 2), endings=SPELLINGS["peft"]):
    return {name + endings[0]: torch.zeros(down), name + endings[1]: torch.zeros(up)}


@pytest.mark.parametrize(
    ("tensors", "named"),
    [
        (pair("unet.down_blocks.7.conv"), "unet.down_blocks.7.conv"),
        (pair("transformer.blocks.0.attn.to_q"), "transformer.blocks.0.attn.to_q"),
        (pair(Q), Q),  # as peft saves a model of its own
        (pair("lora_unet_double_blocks_0_img_mlp_0", endings=SPELLINGS["kohya"]), "double"),
        (pair("lora_unet_input_blocks_x_1_proj_in", endings=SPELLINGS["kohya"]), "input_blocks_x"),
        (pair("lora_unet_input_blocks_4_1_proj_in", endings=SPELLINGS["kohya"]), "proj_in"),
        (
            pair(f"unet.{Q}"),
            f"{Q}' by matrices of (8, 2) and (2, 8), where the model has (128, 128)",
        ),
        (pair(f"unet.{Q}", (2, 128), (128, 3)), f"{Q}' by matrices of (128, 3)"),
        (pair("unet.conv_in", (2, 4), (64, 2)), "unet.conv_in"),
        (pair("unet.conv_norm_out", (2, 64), (64, 2)), "unet.conv_norm_out"),
    ],
)
def test_a_unet_layer_of_another_architecture_is_named(tmp_path, unet, tensors, named):
    path = write(tmp_path / "a.safetensors", tensors)
    message = complaint(merge_into_unet, unet, [Lora(path, 1)])
    assert repr(str(path)) in message
    assert named in message
    assert FOREIGN in message


@pytest.mark.parametrize(
    ("tensors", "named"),
    [
        (pair("text_encoder_2.encoder.layers.0.mlp.fc1"), "text_encoder_2.encoder.layers.0.mlp"),
        (
            pair("lora_te2_text_model_encoder_layers_0_mlp_fc1", endings=SPELLINGS["kohya"]),
            "lora_te2_text_model_encoder_layers_0_mlp_fc1",
        ),
        (
            pair("lora_te_text_model_encoder_layers_11_mlp_fc1", endings=SPELLINGS["kohya"]),
            "lora_te_text_model_encoder_layers_11_mlp_fc1",
        ),
        (pair("text_encoder.text_model.encoder.layers.0.mlp.fc1"), "has (512, 128)"),
        (pair("lora_te3_encoder_layers_0", endings=SPELLINGS["kohya"]), "lora_te3"),
    ],
)
def test_a_text_encoder_layer_of_another_architecture_is_named(tmp_path, encoder, tensors, named):
    path = write(tmp_path / "a.safetensors", tensors)
    message = complaint(merge_into_text_encoders, [encoder], [Lora(path, 1)])
    assert repr(str(path)) in message
    assert named in message
    assert FOREIGN in message


def test_no_weight_changes_where_any_layer_of_any_file_does_not_fit(tmp_path, unet):
    before = copy.deepcopy(unet)
    good = write(tmp_path / "good.safetensors", small_tensors(unet))
    bad = write(tmp_path / "bad.safetensors", small_tensors(unet) | pair("unet.zzz"))
    assert "'unet.zzz'" in complaint(merge_into_unet, unet, [Lora(good, 1), Lora(bad, 1)])
    assert same(unet, before)


@pytest.mark.parametrize(
    "name",
    [
        f"unet.{Q}.lora_magnitude_vector",
        f"unet.{Q}.lora_B.bias",
        "lora_unet_conv_in.dora_scale",
        "lora_unet_conv_in.hada_w1_a",
        "lora_unet_conv_in.lokr_w1",
        "lora_unet_conv_in.lora_mid.weight",
    ],
)
def test_what_is_more_than_a_plain_lora_layer_is_refused(tmp_path, unet, name):
    path = write(tmp_path / "a.safetensors", small_tensors(unet) | {name: torch.zeros(1)})
    message = complaint(merge_into_unet, unet, [Lora(path, 1)])
    assert f"holds {name!r}, which is no plain LoRA layer" in message


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        ("unet.conv_in.lora_A.weight", "unet.conv_in.lora_B.weight"),
        ("lora_unet_conv_in.lora_up.weight", "lora_unet_conv_in.lora_down.weight"),
        ("lora_unet_conv_in.alpha", "lora_unet_conv_in.lora_up.weight"),
    ],
)
def test_half_a_layer_is_refused(tmp_path, unet, name, missing):
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
def test_a_layer_in_two_spellings_is_refused(tmp_path, encoder, second):
    first = pair("text_encoder.text_model.encoder.layers.0.mlp.fc1", (2, 128), (512, 2))
    path = write(tmp_path / "a.safetensors", first | second)
    message = complaint(merge_into_text_encoders, [encoder], [Lora(path, 1)])
    assert "holds a layer twice" in message


def test_a_file_of_nan_is_refused(tmp_path, unet):
    tensors = small_tensors(unet)
    tensors[f"unet.{Q}.lora_B.weight"][3, 1] = float("nan")
    path = write(tmp_path / "a.safetensors", tensors)
    message = complaint(merge_into_unet, unet, [Lora(path, 1)])
    assert f"NaN or infinity in 'unet.{Q}.lora_B.weight'" in message


def test_an_empty_file_is_refused(tmp_path, unet):
    path = write(tmp_path / "a.safetensors", {})
    assert "holds no layers" in complaint(merge_into_unet, unet, [Lora(path, 1)])


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 a pickle by another name"])
def test_a_file_that_is_no_safetensors_file_is_refused(tmp_path, unet, content):
    path = tmp_path / "a.safetensors"
    path.write_bytes(content)
    assert "cannot be read as safetensors" in complaint(merge_into_unet, unet, [Lora(path, 1)])


def test_a_truncated_file_is_refused(tmp_path, unet):
    path = write(tmp_path / "a.safetensors", small_tensors(unet))
    path.write_bytes(path.read_bytes()[:-8])
    assert "cannot be read as safetensors" in complaint(merge_into_unet, unet, [Lora(path, 1)])
