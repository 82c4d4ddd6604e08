"""The teacher's probabilities are those of transformers' own CLIP with its own processor."""

import json
import os
import shutil

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPProcessor, CLIPTokenizer

from zeroreal.assets import TINY_FASHION
from zeroreal.base import InputError
from zeroreal.encoders.teacher import ClipTeacher
from zeroreal.train.loop.targets import soft_targets

CPU = torch.device("cpu")
CLASSES = ("dress", "ankle boot", "bag")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A CLIP model with random weights, a tokenizer and an image processor, as transformers saves
    them."""
    path = tmp_path_factory.mktemp("clip")
    tokenizer = CLIPTokenizer.from_pretrained(TINY_FASHION / "tokenizer")
    narrow = {"hidden_size": 32, "intermediate_size": 48, "num_attention_heads": 2}
    text = {
        "vocab_size": len(tokenizer),
        "max_position_embeddings": 32,
        "eos_token_id": tokenizer.eos_token_id,
        "num_hidden_layers": 2,
    }
    vision = {"image_size": 32, "patch_size": 8, "num_hidden_layers": 2}
    config = CLIPConfig(
        text_config={**narrow, **text}, vision_config={**narrow, **vision}, projection_dim=16
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = CLIPModel(config)
        for parameter in model.parameters():  # so that classes differ
            parameter.data += 0.1 * torch.randn_like(parameter)
    model.save_pretrained(path)
    tokenizer.save_pretrained(path)
    sides = {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}}
    CLIPImageProcessor(**sides).save_pretrained(path)
    return path


def pictures(count=5, side=48):
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(count, 3, 6, 6, generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, (side, side), mode="bilinear")
    return (smooth * 255).byte().permute(0, 2, 3, 1).contiguous()


def reference(folder, images, prompts):
    processor = CLIPProcessor(
        CLIPImageProcessor.from_pretrained(folder), CLIPTokenizer.from_pretrained(folder)
    )
    pictures = [Image.fromarray(image.numpy()) for image in images]
    inputs = processor(text=prompts, images=pictures, padding=True, return_tensors="pt")
    with torch.no_grad():
        return CLIPModel.from_pretrained(folder)(**inputs)


def test_probabilities_are_those_of_transformers(folder):
    images = pictures()
    prompts = [f"a photo of a {name}." for name in CLASSES]
    expected = reference(folder, images, prompts).logits_per_image.softmax(1)
    ours = ClipTeacher(folder, CLASSES, CPU)(images)
    assert expected.std(0).max() > 0.01  # neither the same for all images
    assert expected.std(1).max() > 0.01  # nor for all classes
    assert ours.dtype == torch.float32
    # Resizing rounds in another order.
    assert torch.allclose(ours, expected, atol=2e-3)


def test_many_images_of_the_models_size_give_the_same_to_rounding(folder):
    images = pictures(600, side=32)  # more than the teacher takes at once
    prompts = [f"a photo of a {name}." for name in CLASSES]
    expected = reference(folder, images, prompts).logits_per_image.softmax(1)
    assert torch.allclose(ClipTeacher(folder, CLASSES, CPU)(images), expected, atol=1e-5)


def test_templates_are_averaged_as_unit_vectors(folder):
    images = pictures(side=32)
    templates = ("a photo of a {}.", "{}, seen from the side")
    outputs = [
        reference(folder, images, [template.format(name) for name in CLASSES])
        for template in templates
    ]
    text = (outputs[0].text_embeds + outputs[1].text_embeds) / 2
    text = text / text.norm(dim=1, keepdim=True)
    scale = CLIPModel.from_pretrained(folder).logit_scale.exp()
    expected = (scale * outputs[0].image_embeds @ text.T).softmax(1)
    assert torch.allclose(ClipTeacher(folder, CLASSES, CPU, templates)(images), expected, atol=1e-5)


def test_its_targets_can_be_trained_on(folder):
    images = pictures()
    logits = torch.zeros(5, 3, requires_grad=True)
    teacher = ClipTeacher(folder, CLASSES, CPU)(images)
    targets = soft_targets(torch.eye(3)[[0, 1, 2, 0, 1]], teacher, 0.5)
    torch.nn.functional.cross_entropy(logits, targets).backward()
    # The gradient of the mean cross-entropy is (softmax - targets) / B.
    assert torch.allclose(logits.grad, (1 / 3 - targets) / 5, atol=1e-6)


def test_soft_targets_take_the_teachers_share():
    hard, teacher = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.2, 0.8]])
    assert torch.allclose(soft_targets(hard, teacher, 0.25), torch.tensor([[0.8, 0.2]]))


def test_a_missing_folder_is_named():
    with pytest.raises(InputError, match="CLIP teacher folder '/no/such' does not exist"):
        ClipTeacher("/no/such", CLASSES, CPU)


def test_a_folder_of_another_model_is_refused():
    with pytest.raises(InputError, match="is not a CLIP model"):
        ClipTeacher(TINY_FASHION, CLASSES, CPU)


def test_weights_that_are_cut_off_are_refused(folder, tmp_path):
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(InputError, match="truncated or damaged"):
        ClipTeacher(tmp_path, CLASSES, CPU)


@pytest.mark.parametrize(
    ("missing", "message"),
    [("tokenizer.json", "has no tokenizer"), ("preprocessor_config.json", "cannot be loaded")],
)
def test_a_folder_that_is_not_whole_is_refused(folder, tmp_path, missing, message):
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    (tmp_path / missing).unlink()
    with pytest.raises(InputError, match=message):
        ClipTeacher(tmp_path, CLASSES, CPU)


def test_a_template_without_a_place_for_the_class_is_refused(folder):
    with pytest.raises(InputError, match="no place for the class"):
        ClipTeacher(folder, CLASSES, CPU, ("a photo",))


def test_weights_that_lack_a_tensor_are_refused(folder, tmp_path):
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    tensors = load_file(tmp_path / "model.safetensors")
    tensors.pop("visual_projection.weight")
    save_file(tensors, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(InputError, match=r"lacks tensor 'visual_projection\.weight' for the CLIPM"):
        ClipTeacher(tmp_path, CLASSES, CPU)


@pytest.mark.parametrize("name", ["vocab.json", "additional_chat_templates/x.jinja"])
def test_a_pipe_in_its_folder_is_said(folder, tmp_path, name, no_hang):
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    (tmp_path / name).parent.mkdir(exist_ok=True)
    os.mkfifo(tmp_path / name)
    with pytest.raises(InputError, match=rf"{name}' is a pipe and not a file"):
        ClipTeacher(tmp_path, CLASSES, CPU)


@pytest.mark.parametrize(
    ("part", "field", "value"),
    [("text_config", "num_hidden_layers", 10**6), ("vision_config", "patch_size", -1)],
)
def test_an_absurd_configuration_is_refused(folder, tmp_path, part, field, value, no_hang):
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    config = json.loads((tmp_path / "config.json").read_text())
    config[part][field] = value
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match=rf"config.json' has {value} as '{part}.{field}'"):
        ClipTeacher(tmp_path, CLASSES, CPU)


def test_a_special_token_that_its_model_does_not_know_is_refused(folder, tmp_path):
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    path = tmp_path / "tokenizer_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "eos_token": "-1"}))
    with pytest.raises(InputError, match="has '-1' as a special token, which is not in its vocab"):
        ClipTeacher(tmp_path, CLASSES, CPU)


@pytest.mark.parametrize("part", ["text_config", "vision_config"])
def test_a_null_that_the_library_does_not_check_is_told(folder, tmp_path, part):
    other = shutil.copytree(folder, tmp_path / "teacher")
    content = json.loads((other / "config.json").read_text())
    content[part]["layer_norm_eps"] = None
    (other / "config.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=rf"has None as .{part}.layer_norm_eps"):
        ClipTeacher(other, ("cat", "dog"), torch.device("cpu"))
