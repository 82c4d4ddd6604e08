"""Training a student: that it learns the jumps it is shown, told apart by guidance."""

from dataclasses import replace

import pytest
import torch
from diffusers import UNet2DConditionModel

from zeroreal.generate import SampleSpec
from zeroreal.train.distilling.jumps import Jump
from zeroreal.train.distilling.settings import DistilSettings
from zeroreal.train.distilling.training import Distillation, Examples, learning_rate
from zeroreal.train.loop.checkpoint import CheckpointFolder

SETTINGS = DistilSettings(
    updates=150, train_batch_size=16, learning_rate=5e-3, moving_average=0.9, checkpoint_seconds=1e9
)
JUMP = Jump(begin=0, end=1, timestep=999.0, latents=0.1, output=-1.0, share=1.0)


def small_unet():
    torch.manual_seed(0)
    return UNet2DConditionModel(
        sample_size=4,
        block_out_channels=(8, 16),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=8,
        attention_head_dim=2,
        norm_num_groups=4,
        time_cond_proj_dim=8,
    )


def examples():
    """Trajectories that shrink their noise, or with guidance enlarge it."""
    noise = torch.randn(64, 1, 4, 4, 4, generator=torch.Generator().manual_seed(0))
    specs = [SampleSpec(n, 0, "a bag", "", 1.0 + 4 * (n % 2), n) for n in range(64)]
    factor = torch.tensor([0.5 if spec.guidance == 1 else 1.5 for spec in specs])
    latents = torch.cat([noise, factor.view(-1, 1, 1, 1, 1) * noise], dim=1).half()

    def conditions(chosen):
        guidance = torch.tensor([spec.guidance for spec in chosen])
        return {"text_embeddings": torch.zeros(len(chosen), 2, 8), "guidance": guidance}

    return Examples(specs, latents, [JUMP], conditions)


def test_the_loss_falls_below_what_ignoring_guidance_can_reach(tmp_path):
    notes = []
    distillation = Distillation(
        small_unet(), SETTINGS, torch.float32, CheckpointFolder(tmp_path, {})
    )
    distillation.train(examples(), lambda news: notes.append(news.note))
    # The targets are -0.4 and -1.4 times the noise: one factor for both leaves 0.25 of its square.
    assert distillation.loss < 0.2
    assert float(notes[0].removeprefix("loss ")) > 0.4


def test_the_learning_rate_is_constant_and_then_falls_to_nothing():
    settings = replace(SETTINGS, updates=100, learning_rate=0.5)
    rates = [learning_rate(settings, update) for update in range(100)]
    assert rates[:41] == [0.5] * 41
    assert rates[41:] == sorted(rates[41:], reverse=True)
    assert rates[99] == pytest.approx(0, abs=1e-3)
