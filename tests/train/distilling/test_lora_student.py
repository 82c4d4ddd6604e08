"""A frozen UNet with LoRA: what is trained of it, in which precision, and that it learns."""

import sys
from dataclasses import replace

import pytest
import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import load_file

from zeroreal.base import InputError
from zeroreal.generate import SampleSpec
from zeroreal.train.distilling.jumps import Jump
from zeroreal.train.distilling.lora_student import (
    LAYERS,
    check_rank,
    new_lora_student,
    trained_weights,
    write_lora,
)
from zeroreal.train.distilling.settings import DistilSettings
from zeroreal.train.distilling.student import StudentLoss, new_student
from zeroreal.train.distilling.training import Distillation, Examples
from zeroreal.train.loop.checkpoint import CheckpointFolder

CPU = torch.device("cpu")
SETTINGS = DistilSettings(
    updates=110, train_batch_size=8, learning_rate=2e-2, moving_average=0.9, checkpoint_seconds=1e9
)
JUMP = Jump(begin=0, end=1, timestep=999.0, latents=0.1, output=-1.0, share=1.0)


@pytest.fixture(scope="module")
def unet(tiny_model):
    """The folder of a teacher's UNet."""
    return tiny_model("sd15") / "unet"


def lora_student(unet, dtype=torch.float32, rank=2, seed=0):
    return new_lora_student(unet, CPU, dtype, rank, seed)


def examples(dtype=torch.float32):
    """Trajectories that shrink their noise, or with guidance enlarge it."""
    noise = torch.randn(32, 1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    specs = [SampleSpec(n, 0, "a bag", "", 1.0 + 4 * (n % 2), n) for n in range(32)]
    factor = torch.tensor([0.5 if spec.guidance == 1 else 1.5 for spec in specs])
    latents = torch.cat([noise, factor.view(-1, 1, 1, 1, 1) * noise], dim=1).half()

    def conditions(chosen):
        guidance = torch.tensor([spec.guidance for spec in chosen])
        text = torch.randn(1, 5, 32, generator=torch.Generator().manual_seed(0))
        text = text.expand(len(chosen), -1, -1).to(dtype)
        return {"text_embeddings": text, "guidance": guidance}

    return Examples(specs, latents, [JUMP], conditions)


def distillation(student, folder, dtype=torch.float32, updates=SETTINGS.updates):
    settings = replace(SETTINGS, updates=updates)
    return Distillation(student, settings, dtype, CheckpointFolder(folder, {}))


def stored(unet):
    return load_file(unet / "diffusion_pytorch_model.safetensors")


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_only_lora_and_the_embedding_of_guidance_are_trained(unet, tmp_path, dtype):
    student = lora_student(unet, dtype)
    begun = {name: weight.clone() for name, weight in student.named_parameters()}
    distillation(student, tmp_path, dtype, updates=4).train(examples(dtype), lambda news: None)
    own, teacher = {}, stored(unet)
    for name, weight in student.named_parameters():
        is_trained = ".lora_" in name or name == "time_embedding.cond_proj.weight"
        assert weight.dtype == (torch.float32 if is_trained else dtype)
        assert torch.equal(weight, begun[name]) != is_trained, name
        if not is_trained:
            own[name.replace(".base_layer", "")] = weight
    assert own.keys() == teacher.keys()
    assert all(torch.equal(weight, teacher[name].to(dtype)) for name, weight in own.items())


def test_every_layer_of_lcm_lora_has_a_lora_of_the_rank(unet):
    student = lora_student(unet, rank=2)
    found = {name.split(".lora_A")[0] for name, _ in student.named_parameters() if "lora_A" in name}
    plain = UNet2DConditionModel.from_pretrained(unet)
    ends = tuple(f".{name}" for name in LAYERS)
    assert found == {name for name, _ in plain.named_modules() if name.endswith(ends)}
    kinds = {type(plain.get_submodule(name)) for name in found}
    assert kinds == {torch.nn.Linear, torch.nn.Conv2d}
    assert {student.get_submodule(name).lora_A["default"].weight.shape[0] for name in found} == {2}


def test_optimiser_and_average_hold_what_is_trained_and_no_more(unet, tmp_path):
    student = lora_student(unet)
    wanted = sum(w.numel() for w in student.parameters() if w.requires_grad)
    assert wanted < sum(w.numel() for w in student.parameters()) / 5
    distillation(student, tmp_path, updates=1).train(examples(), lambda news: None)
    state = CheckpointFolder(tmp_path, {}).load()
    moments = [m for one in state["optimizer"]["state"].values() for m in one.values()]
    assert sum(m.numel() for m in moments if m.dim()) == 2 * wanted
    for name in ("student", "average"):
        assert sum(w.numel() for w in state[name].values() if w.dim()) == wanted


def test_the_loss_falls_below_what_ignoring_guidance_can_reach(unet, tmp_path):
    one = distillation(lora_student(unet, rank=8), tmp_path)
    one.train(examples(), lambda news: None)
    # The targets are -0.4 and -1.4 times the noise: one factor for both leaves 0.25 of its square.
    assert one.loss < 0.2


@torch.no_grad()
def test_it_begins_as_the_teacher(unet):
    student, plain = lora_student(unet), UNet2DConditionModel.from_pretrained(unet)
    latents, text = torch.randn(2, 4, 8, 8), torch.randn(2, 5, 32)
    guidance = torch.randn(2, 64)
    found = student(latents, 7, text, timestep_cond=guidance).sample
    torch.testing.assert_close(found, plain(latents, 7, text).sample, rtol=1e-4, atol=1e-5)


def test_the_seed_decides_where_it_begins_and_leaves_others_draws_alone(unet):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first, again, other = (lora_student(unet, seed=seed).state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.rand(3), expected)
    assert all(map(torch.equal, first.values(), again.values()))
    assert not all(map(torch.equal, first.values(), other.values()))


def test_a_whole_student_is_trained_as_it_is(unet):
    student = new_student(unet, CPU)
    assert trained_weights(student) is student


@pytest.mark.parametrize("make", [new_student, lora_student])
def test_gradients_with_activations_computed_twice_are_the_same(unet, make):
    gradients = []
    for again in (False, True):
        student = make(unet, CPU) if make is new_student else make(unet)
        if again:
            student.enable_gradient_checkpointing()
        one = distillation(student, unet.parent / "none")
        loss = StudentLoss(student, torch.float32)(*one._draw(examples()))
        loss.backward()
        gradients.append([w.grad for w in student.parameters() if w.requires_grad])
    assert all(torch.equal(a, b) for a, b in zip(*gradients, strict=True))


def test_text_of_a_teacher_in_fp16_trains_a_student_in_fp32(unet, tmp_path):
    one = distillation(lora_student(unet), tmp_path, updates=2)
    one.train(examples(torch.float16), lambda news: None)
    assert one.updates == 2


def test_what_is_written_is_of_the_average(unet, tmp_path):
    student = lora_student(unet)
    one = distillation(student, tmp_path / "work", updates=3)
    (tmp_path / "work").mkdir()
    average = one.train(examples(), lambda news: None)
    expected = {name: weight.half() for name, weight in average.named_parameters()}
    record = write_lora(student, average, 2, tmp_path)
    found = load_file(tmp_path / "pytorch_lora_weights.safetensors")
    found |= load_file(tmp_path / "guidance_embedding.safetensors")
    for name, weight in expected.items():
        spelled = name.replace("/", ".").replace(".default", "")
        prefix = "unet." if "lora" in name else ""
        assert torch.equal(found.pop(prefix + spelled), weight)
    assert not found
    assert record.rank == 2


def test_a_rank_beyond_the_narrowest_layer_is_refused_with_its_width(unet):
    check_rank(unet, 32)
    with pytest.raises(InputError, match=r"LoRA rank is 33: .* has no more than 32, so give at"):
        check_rank(unet, 33)


def test_without_peft_it_is_said_how_to_install_it(unet, monkeypatch):
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(InputError, match=r"needs peft, .*: pip install 'zeroreal\[lora\]'"):
        check_rank(unet, 4)
