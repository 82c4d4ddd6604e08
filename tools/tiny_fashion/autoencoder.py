"""The autoencoder, and the small classifier whose features are its perceptual loss."""

from __future__ import annotations

import time
from pathlib import Path

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from rich.progress import track
from torch import Tensor, nn

from .captions import CLASS_WORDINGS
from .data import Garments, draw_batch, render
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


class FeatureClassifier(nn.Module):
    """Recognises class and domain of `[B, 3, 32, 32]`."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(3, 32, 3, padding=1), nn.ReLU())
        self.second = nn.Sequential(nn.Conv2d(32, 64, 3, stride=2, padding=1), nn.ReLU())
        self.third = nn.Sequential(nn.Conv2d(64, 96, 3, stride=2, padding=1), nn.ReLU())
        self.head = nn.Linear(96 * 16, len(CLASS_WORDINGS) + len(DOMAINS))

    def features(self, images: Tensor) -> list[Tensor]:
        """Hidden layers at full, half and quarter resolution."""
        first = self.first(images)
        second = self.second(first)
        return [first, second, self.third(second)]

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of the classes `[B, 10]` and of the domains `[B, 10]`."""
        pooled = F.avg_pool2d(self.features(images)[-1], 2).flatten(1)
        classes, domains = self.head(pooled).split([len(CLASS_WORDINGS), len(DOMAINS)], 1)
        return classes, domains


def perceptual_distance(network: FeatureClassifier, left: Tensor, right: Tensor) -> Tensor:
    """Mean squared distance of channel-normalised features, as in LPIPS (arXiv 1801.03924)."""
    distance = torch.zeros((), device=left.device)
    for a, b in zip(network.features(left), network.features(right), strict=True):
        distance = distance + (F.normalize(a, dim=1) - F.normalize(b, dim=1)).square().sum(1).mean()
    return distance


def train_classifier(garments: Garments, settings: Settings, work: Path) -> FeatureClassifier:
    """Train the feature network, or load it from `work`."""
    path = work / "classifier.pt"
    torch.manual_seed(settings.seed)
    network = FeatureClassifier().to(settings.device)
    if path.exists():
        network.load_state_dict(torch.load(path, weights_only=True))
        return network.eval().requires_grad_(False)
    optimizer = torch.optim.AdamW(network.parameters())
    started, accuracy = time.perf_counter(), 0.0
    for step in track(range(settings.classifier_steps), "classifier"):
        set_learning_rate(optimizer, 2e-3, step, settings.classifier_steps)
        images, labels, domains = draw_batch(garments, 128, settings, stream(settings, 1, step))
        with torch.autocast(settings.device, torch.bfloat16):
            classes, styles = network(images)
        loss = F.cross_entropy(classes.float(), labels) + F.cross_entropy(styles.float(), domains)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        accuracy = 0.98 * accuracy + 0.02 * (classes.argmax(1) == labels).float().mean().item()
    seconds = round(time.perf_counter() - started, 1)
    record(work, "classifier", seconds=seconds, accuracy=round(accuracy, 4))
    torch.save(network.state_dict(), path)
    return network.eval().requires_grad_(False)


def new_autoencoder() -> AutoencoderKL:
    """`[B, 3, 32, 32]` to latents `[B, 4, 8, 8]`, 0.9 million parameters."""
    return AutoencoderKL(
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=(32, 64, 64),
        layers_per_block=1,
        latent_channels=LATENT_CHANNELS,
        norm_num_groups=16,
        sample_size=SIZE,
        mid_block_add_attention=False,
    )


def train_autoencoder(garments: Garments, settings: Settings, work: Path) -> AutoencoderKL:
    """Train on absolute and squared error, perceptual distance and a light KL term."""
    folder, checkpoint = work / "vae", work / "vae.pt"
    if folder.exists():
        return AutoencoderKL.from_pretrained(folder).to(settings.device)
    perceptual = train_classifier(garments, settings, work)
    steps, size = settings.autoencoder_steps, settings.autoencoder_batch
    torch.manual_seed(settings.seed)
    vae = new_autoencoder().to(settings.device, memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(vae.parameters(), weight_decay=1e-4)
    progress = load_checkpoint(checkpoint, [vae, optimizer])

    def objective(images: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        with torch.autocast(settings.device, torch.bfloat16):
            posterior = vae.encode(images).latent_dist
            decoded = vae.decode(posterior.mean + posterior.std * noise).sample.float()
            distance = perceptual_distance(perceptual, decoded, images)
        mean, variance = posterior.mean.float(), posterior.var.float()
        divergence = 0.5 * (mean.square() + variance - 1 - posterior.logvar.float()).mean()
        error = (decoded - images).abs().mean()
        square = (decoded - images).square().mean()
        return error + 2 * square + 0.25 * distance + 5e-4 * divergence, error

    run = torch.compile(objective) if settings.compile else objective
    clock = time.perf_counter()
    for step in track(range(progress.step, steps), "autoencoder"):
        set_learning_rate(optimizer, 1.5e-3, step, steps)
        generator = stream(settings, 2, step)
        images, _, _ = draw_batch(garments, size, settings, generator)
        noise = torch.randn(size, LATENT_CHANNELS, SIZE // 4, SIZE // 4, generator=generator)
        loss, error = run(images, noise.to(settings.device))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
        optimizer.step()
        progress.update(error.item())
        if progress.step % settings.checkpoint_every == 0 or progress.step == steps:
            now = time.perf_counter()
            progress.seconds, clock = progress.seconds + now - clock, now
            save_checkpoint(checkpoint, [vae, optimizer], progress)
    record(
        work,
        "autoencoder",
        seconds=round(progress.seconds, 1),
        steps=steps,
        l1_of_255=round(progress.loss * 127.5, 2),
    )
    vae.save_pretrained(folder)
    return vae


@torch.no_grad()
def encode_all(
    vae: AutoencoderKL, garments: Garments, settings: Settings, work: Path
) -> dict[str, Tensor]:
    """Latents of every image as a photograph and in its other domains.

    `mean` and `std` are `[N, 1 + STYLES_PER_IMAGE, 4, 8, 8]` float16, `domain` the matching indices
    into `DOMAINS`, `scaling` the factor that gives them unit variance.
    """
    path = work / "latents.pt"
    if path.exists():
        loaded: dict[str, Tensor] = torch.load(path, weights_only=True)
        return loaded
    started = time.perf_counter()
    count, others = len(garments), len(DOMAINS) - 1
    spread = torch.arange(STYLES_PER_IMAGE) * (others // STYLES_PER_IMAGE)
    styles = (torch.arange(count)[:, None] + spread) % others + 1
    domains = torch.cat([torch.zeros(count, 1, dtype=torch.long), styles], 1)
    shape = (count, 1 + STYLES_PER_IMAGE, LATENT_CHANNELS, SIZE // 4, SIZE // 4)
    mean, std = torch.empty(shape, dtype=torch.half), torch.empty(shape, dtype=torch.half)
    generator = stream(settings, 3, 0)
    vae.eval().to(memory_format=torch.channels_last)
    for begin in track(range(0, count, 256), "latents"):
        rows = slice(begin, min(begin + 256, count))
        for column in range(shape[1]):
            draws = torch.rand(rows.stop - rows.start, 4, generator=generator)
            images = render(garments.images[rows], domains[rows, column], draws)
            with torch.autocast(settings.device, torch.bfloat16):
                posterior = vae.encode(images.to(settings.device)).latent_dist
            mean[rows, column] = posterior.mean.half().cpu()
            std[rows, column] = posterior.std.half().cpu()
    scaling = 1 / (mean.float().var() + std.float().square().mean()).sqrt().item()
    vae.register_to_config(scaling_factor=round(scaling, 5))
    vae.save_pretrained(work / "vae")
    result = {"mean": mean, "std": std, "domain": domains, "scaling": torch.tensor(scaling)}
    torch.save(result, path)
    seconds = round(time.perf_counter() - started, 1)
    record(work, "latents", seconds=seconds, scaling=round(scaling, 4))
    return result
