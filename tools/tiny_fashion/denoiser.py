"""Text encoder and UNet, trained together on the latents."""

from __future__ import annotations

import time
from pathlib import Path

import torch
from diffusers import DPMSolverMultistepScheduler, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from rich.progress import track
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from .captions import CLASS_WORDINGS, MAX_TOKENS, captions, corpus, write_tokenizer
from .data import Garments
from .domains import DOMAINS
from .settings import (
    LATENT_CHANNELS,
    SIZE,
    STYLES_PER_IMAGE,
    Settings,
    load_checkpoint,
    record,
    save_checkpoint,
    set_learning_rate,
    stream,
)

MIN_SNR_GAMMA = 5.0
PLAIN_SHARE = 0.85
"""Share of photographs captioned without a domain, as photographs on the web mostly are."""


def noise_scheduler() -> DPMSolverMultistepScheduler:
    """The noise schedule of Stable Diffusion, with v-prediction and DPM-Solver++ for sampling."""
    return DPMSolverMultistepScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        prediction_type="v_prediction",
        algorithm_type="dpmsolver++",
        timestep_spacing="trailing",
        steps_offset=1,  # what StableDiffusionPipeline demands of any scheduler
    )


def new_text_encoder(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """Two layers of 128 channels, half a million parameters."""
    config = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=128,
        intermediate_size=512,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=MAX_TOKENS,
        projection_dim=128,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        attn_implementation="eager",  # the fused kernel's backward pass is slow on CPUs
    )
    return CLIPTextModel(config)


def new_unet() -> UNet2DConditionModel:
    """8x8 latents, 5.8 million parameters, attention at 4x4."""
    unet = UNet2DConditionModel(
        sample_size=SIZE // 4,
        in_channels=LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        block_out_channels=(64, 128),
        layers_per_block=2,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=128,
        attention_head_dim=(2, 4),  # diffusers reads this as the number of heads
        norm_num_groups=16,
    )
    unet.set_attn_processor(AttnProcessor())  # as in the text encoder
    return unet


class CaptionTable:
    """All captions as token ids, row 0 the empty one, and where those of an image begin."""

    def __init__(self, tokenizer: CLIPTokenizer) -> None:
        texts = [""]
        columns = [*DOMAINS, None]  # the last one: plain, without a domain
        self._first = torch.zeros(len(CLASS_WORDINGS), len(columns), dtype=torch.long)
        self._count = torch.zeros_like(self._first)
        for row, name in enumerate(CLASS_WORDINGS):
            for column, domain in enumerate(columns):
                wordings = captions(name, domain)
                self._first[row, column] = len(texts)
                self._count[row, column] = len(wordings)
                texts += wordings
        tokens = tokenizer(texts, padding="max_length", truncation=True, return_tensors="pt")
        self._ids = tokens.input_ids

    def draw(
        self, labels: Tensor, domains: Tensor, dropout: float, generator: torch.Generator
    ) -> Tensor:
        """Token ids `[B, MAX_TOKENS]` of captions for images of these labels and domains."""
        size = len(labels)
        plain = (domains == 0) & (torch.rand(size, generator=generator) < PLAIN_SHARE)
        column = domains.where(~plain, len(DOMAINS))
        wording = torch.rand(size, generator=generator)
        row = self._first[labels, column] + (wording * self._count[labels, column]).long()
        dropped = torch.rand(size, generator=generator) < dropout
        return self._ids[row.where(~dropped, 0)]


def train_denoiser(
    latents: dict[str, Tensor], garments: Garments, settings: Settings, work: Path
) -> nn.ModuleDict:
    """Train on v-prediction with min-SNR weights (arXiv 2303.09556); gives the moving average."""
    write_tokenizer(work / "tokenizer", corpus(list(DOMAINS)))
    tokenizer = CLIPTokenizer.from_pretrained(work / "tokenizer")
    table = CaptionTable(tokenizer)
    torch.manual_seed(settings.seed)
    parts = {"text_encoder": new_text_encoder(tokenizer), "unet": new_unet()}
    model = nn.ModuleDict(parts).to(settings.device, memory_format=torch.channels_last)
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(settings.ema_decay))
    optimizer = torch.optim.AdamW(
        model.parameters(), weight_decay=0.01, betas=(0.9, 0.98), fused=True
    )
    checkpoint = work / "unet.pt"
    progress = load_checkpoint(checkpoint, [model, average, optimizer])
    signal = noise_scheduler().alphas_cumprod.to(settings.device)

    def objective(noised: Tensor, timesteps: Tensor, ids: Tensor, target: Tensor) -> Tensor:
        with torch.autocast(settings.device, torch.bfloat16):
            states = model["text_encoder"](ids).last_hidden_state
            predicted = model["unet"](noised, timesteps, states).sample.float()
        ratio = signal[timesteps] / (1 - signal[timesteps])
        weight = ratio.clamp(max=MIN_SNR_GAMMA) / (ratio + 1)
        return (weight * (predicted - target).square().mean((1, 2, 3))).mean()

    run = torch.compile(objective) if settings.compile else objective
    clock = time.perf_counter()
    for step in track(range(progress.step, settings.unet_steps), "unet"):
        set_learning_rate(optimizer, settings.unet_learning_rate, step, settings.unet_steps)
        loss = run(*_draw(latents, garments, table, signal, settings, stream(settings, 4, step)))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        average.update_parameters(model)
        progress.update(loss.item())
        if progress.step % settings.checkpoint_every == 0 or progress.step == settings.unet_steps:
            now = time.perf_counter()
            progress.seconds, clock = progress.seconds + now - clock, now
            save_checkpoint(checkpoint, [model, average, optimizer], progress)
    record(
        work,
        "unet",
        seconds=round(progress.seconds, 1),
        steps=settings.unet_steps,
        images=settings.unet_steps * settings.unet_batch,
        loss=round(progress.loss, 5),
    )
    averaged: nn.ModuleDict = average.module
    return averaged


def _draw(
    latents: dict[str, Tensor],
    garments: Garments,
    table: CaptionTable,
    signal: Tensor,
    settings: Settings,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Noised latents `[B, 4, 8, 8]`, timesteps `[B]`, token ids `[B, tokens]` and the target v."""
    size, device = settings.unet_batch, settings.device
    rows = torch.randint(len(garments), (size,), generator=generator)
    style = torch.randint(1, 1 + STYLES_PER_IMAGE, (size,), generator=generator)
    style = style.where(torch.rand(size, generator=generator) > settings.photo_share, 0)
    domains = latents["domain"][rows, style]
    ids = table.draw(garments.labels[rows], domains, settings.caption_dropout, generator)

    shape = (2, size, LATENT_CHANNELS, SIZE // 4, SIZE // 4)
    noise = torch.randn(shape, generator=generator).to(device)
    mean, std = (latents[name][rows, style].to(device).float() for name in ("mean", "std"))
    clean = (mean + std * noise[0]) * float(latents["scaling"])
    timesteps = torch.randint(len(signal), (size,), generator=generator).to(device)
    kept = signal[timesteps].sqrt().view(-1, 1, 1, 1)
    sigma = (1 - signal[timesteps]).sqrt().view(-1, 1, 1, 1)
    noised = (kept * clean + sigma * noise[1]).contiguous(memory_format=torch.channels_last)
    return noised, timesteps, ids.to(device), kept * noise[1] - sigma * clean
