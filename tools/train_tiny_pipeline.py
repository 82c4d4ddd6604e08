"""Trains the embedded pipeline, `assets/tiny-fashion`, on the Fashion-MNIST training split.

    python tools/train_tiny_pipeline.py --work build/tiny --out assets/tiny-fashion

Stages, each resumable and skipped when its result is already under `--work`: a small classifier
whose features serve as the autoencoder's perceptual loss, the autoencoder, the latents of all
images, and text encoder and UNet together. The last `HELD_OUT` training images are seen by no stage:
design choices (steps, scheduler, defaults) were made on those, never on the test split.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import shutil
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL, DPMSolverMultistepScheduler, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from rich.progress import track
from tiny_captions import CLASS_WORDINGS, MAX_TOKENS, captions, write_tokenizer
from tiny_domains import DOMAINS
from torch import Tensor, nn
from torchvision.datasets import FashionMNIST
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

HELD_OUT = 5_000
SIZE = 32
LATENT_CHANNELS = 4
CLASS_NAMES = list(CLASS_WORDINGS)
DOMAIN_NAMES = list(DOMAINS)
# Each image enters as a photograph and in this many other domains, in turn over the images.
STYLES_PER_IMAGE = 3
MIN_SNR_GAMMA = 5.0


@dataclass
class Settings:
    """What decides the result; written into the model card."""

    seed: int = 0
    classifier_steps: int = 800
    autoencoder_steps: int = 2400
    autoencoder_batch: int = 64
    unet_steps: int = 8000
    unet_batch: int = 128
    unet_learning_rate: float = 8e-4
    photo_share: float = 0.5
    caption_dropout: float = 0.1
    ema_decay: float = 0.999
    compile: bool = False
    device: str = "cpu"


@dataclass
class Journal:
    """Figures of each stage, kept in `figures.json` so that a resumed run reports all of them."""

    path: Path
    figures: dict[str, Any] = field(default_factory=dict)

    def record(self, stage: str, **values: Any) -> None:
        if self.path.exists():
            self.figures = json.loads(self.path.read_text())
        self.figures[stage] = values
        self.path.write_text(json.dumps(self.figures, indent=2) + "\n")
        print(stage, values, flush=True)


def load_garments(root: Path) -> tuple[Tensor, Tensor]:
    """Training images resized to 32x32, `[N, 1, 32, 32]` float32 in 0..1, and labels `[N]`."""
    dataset = FashionMNIST(root, train=True, download=not (root / "FashionMNIST/raw").exists())
    images = dataset.data[: len(dataset) - HELD_OUT, None].float() / 255
    labels = dataset.targets[: len(dataset) - HELD_OUT]
    return F.interpolate(images, size=SIZE, mode="bilinear", antialias=True), labels


def render(garments: Tensor, domains: Tensor, draws: Tensor) -> Tensor:
    """Apply to each garment `[B, 1, H, W]` its domain's operation: RGB in -1..1, `[B, 3, H, W]`."""
    images = torch.empty(len(garments), 3, SIZE, SIZE)
    for index, operation in enumerate(DOMAINS.values()):
        chosen = domains == index
        if chosen.any():
            images[chosen] = operation(garments[chosen], draws[chosen])
    return (images * 2 - 1).contiguous(memory_format=torch.channels_last)


def draw_domains(count: int, photo_share: float, generator: torch.Generator) -> Tensor:
    domains = torch.randint(1, len(DOMAINS), (count,), generator=generator)
    return domains.where(torch.rand(count, generator=generator) > photo_share, 0)


def set_learning_rate(
    optimizer: torch.optim.Optimizer, peak: float, step: int, steps: int
) -> None:
    """Warm up over 4 % of the steps, then fall to zero by a cosine."""
    progress = step / steps
    warm, fall = progress / 0.04, 0.5 * (1 + math.cos(math.pi * max(0, progress - 0.04) / 0.96))
    for group in optimizer.param_groups:
        group["lr"] = peak * min(1.0, warm, fall) if progress else peak / steps


class FeatureClassifier(nn.Module):
    """Recognises class and domain; its hidden layers are the perceptual loss of the autoencoder."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(3, 32, 3, padding=1), nn.ReLU())
        self.second = nn.Sequential(nn.Conv2d(32, 64, 3, stride=2, padding=1), nn.ReLU())
        self.third = nn.Sequential(nn.Conv2d(64, 96, 3, stride=2, padding=1), nn.ReLU())
        self.head = nn.Linear(96 * 16, len(CLASS_NAMES) + len(DOMAINS))

    def features(self, images: Tensor) -> list[Tensor]:
        first = self.first(images)
        second = self.second(first)
        return [first, second, self.third(second)]

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        pooled = F.avg_pool2d(self.features(images)[-1], 2).flatten(1)
        classes, domains = self.head(pooled).split([len(CLASS_NAMES), len(DOMAINS)], 1)
        return classes, domains


def perceptual_distance(network: FeatureClassifier, left: Tensor, right: Tensor) -> Tensor:
    """Mean squared distance of channel-normalised features, as in LPIPS (arXiv 1801.03924)."""
    distance = torch.zeros((), device=left.device)
    for a, b in zip(network.features(left), network.features(right), strict=True):
        distance = distance + (F.normalize(a, dim=1) - F.normalize(b, dim=1)).square().sum(1).mean()
    return distance


class Trainer:
    def __init__(self, settings: Settings, work: Path, garments: Tensor, labels: Tensor) -> None:
        self.settings = settings
        self.work = work
        self.garments = garments
        self.labels = labels
        self.device = torch.device(settings.device)
        self.journal = Journal(work / "figures.json")

    def batch(self, size: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Images `[B, 3, 32, 32]` in -1..1, their labels and domains."""
        rows = torch.randint(len(self.garments), (size,), generator=generator)
        domains = draw_domains(size, self.settings.photo_share, generator)
        draws = torch.rand(size, 4, generator=generator)
        images = render(self.garments[rows], domains, draws).to(self.device)
        return images, self.labels[rows].to(self.device), domains.to(self.device)

    def autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16)

    def generator(self, stage: int, step: int) -> torch.Generator:
        """A stream of its own for every step, so that a resumed run draws what it would have drawn."""
        return torch.Generator().manual_seed((self.settings.seed * 10 + stage) * 10**7 + step)

    def train_classifier(self) -> FeatureClassifier:
        path = self.work / "classifier.pt"
        torch.manual_seed(self.settings.seed)
        network = FeatureClassifier().to(self.device)
        if path.exists():
            network.load_state_dict(torch.load(path, weights_only=True))
            return network.eval().requires_grad_(False)
        steps = self.settings.classifier_steps
        optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3)
        started, accuracy = time.perf_counter(), 0.0
        for step in track(range(steps), "classifier"):
            set_learning_rate(optimizer, 2e-3, step, steps)
            images, labels, domains = self.batch(128, self.generator(1, step))
            with self.autocast():
                classes, styles = network(images)
            loss = F.cross_entropy(classes.float(), labels) + F.cross_entropy(
                styles.float(), domains
            )
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            accuracy = 0.98 * accuracy + 0.02 * (classes.argmax(1) == labels).float().mean().item()
        seconds = time.perf_counter() - started
        self.journal.record("classifier", seconds=round(seconds, 1), accuracy=round(accuracy, 4))
        torch.save(network.state_dict(), path)
        return network.eval().requires_grad_(False)

    def new_autoencoder(self) -> AutoencoderKL:
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

    def train_autoencoder(self) -> AutoencoderKL:
        folder, checkpoint = self.work / "vae", self.work / "vae.pt"
        if folder.exists():
            return AutoencoderKL.from_pretrained(folder).to(self.device)
        perceptual = self.train_classifier()
        steps, size = self.settings.autoencoder_steps, self.settings.autoencoder_batch
        torch.manual_seed(self.settings.seed)
        vae = self.new_autoencoder().to(self.device, memory_format=torch.channels_last)
        optimizer = torch.optim.AdamW(vae.parameters(), lr=1e-3, weight_decay=1e-4)
        start, spent, recorded = self.resume(checkpoint, vae, optimizer)

        def objective(images: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
            with self.autocast():
                posterior = vae.encode(images).latent_dist
                latents = posterior.mean + posterior.std * noise
                decoded = vae.decode(latents).sample.float()
                distance = perceptual_distance(perceptual, decoded, images)
            error = (decoded - images).abs().mean()
            kl = 0.5 * (
                posterior.mean.float().square() + posterior.var.float() - 1 - posterior.logvar.float()
            )
            square = (decoded - images).square().mean()
            return error + 2 * square + 0.25 * distance + 5e-4 * kl.mean(), error

        run = torch.compile(objective) if self.settings.compile else objective
        clock = time.perf_counter()
        for step in track(range(start, steps), "autoencoder"):
            generator = self.generator(2, step)
            set_learning_rate(optimizer, 1.5e-3, step, steps)
            images, _, _ = self.batch(size, generator)
            noise = torch.randn(size, LATENT_CHANNELS, SIZE // 4, SIZE // 4, generator=generator)
            loss, error = run(images, noise.to(self.device))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
            optimizer.step()
            recorded = 0.99 * recorded + 0.01 * error.item() if step else error.item()
            if (step + 1) % 200 == 0:
                spent, clock = spent + time.perf_counter() - clock, time.perf_counter()
                self.checkpoint(checkpoint, vae, optimizer, step + 1, spent, recorded)
                print(f"autoencoder {step + 1} L1 {recorded:.4f} {spent:.0f} s", flush=True)
        seconds = spent + time.perf_counter() - clock
        self.journal.record(
            "autoencoder", seconds=round(seconds, 1), steps=steps, l1_of_255=round(recorded * 127.5, 2)
        )
        vae.save_pretrained(folder)
        return vae

    def resume(self, path: Path, *parts: Any) -> tuple[int, float, float]:
        """Load what `checkpoint` saved: (next step, seconds spent, running loss)."""
        if not path.exists():
            return 0, 0.0, 0.0
        state = torch.load(path, weights_only=True)
        for part, saved in zip(parts, state["parts"], strict=True):
            part.load_state_dict(saved)
        return state["step"], state["seconds"], state["loss"]

    def checkpoint(self, path: Path, *parts_and_progress: Any) -> None:
        *parts, step, seconds, loss = parts_and_progress
        state = {
            "parts": [part.state_dict() for part in parts],
            "step": step,
            "seconds": seconds,
            "loss": loss,
        }
        torch.save(state, path.with_suffix(".tmp"))
        path.with_suffix(".tmp").replace(path)

    @torch.no_grad()
    def encode_all(self, vae: AutoencoderKL) -> dict[str, Tensor]:
        """Latents of every image as a photograph and in its other domains, scaled to unit variance.

        `mean` and `std` are `[N, 1 + STYLES_PER_IMAGE, C, 8, 8]` float16, `domain` the matching
        indices into `DOMAINS`.
        """
        path = self.work / "latents.pt"
        if path.exists():
            return torch.load(path, weights_only=True)
        started = time.perf_counter()
        count, others = len(self.garments), len(DOMAINS) - 1
        turn = torch.arange(count)[:, None] + torch.arange(STYLES_PER_IMAGE) * (
            others // STYLES_PER_IMAGE
        )
        domains = torch.cat([torch.zeros(count, 1, dtype=torch.long), turn % others + 1], 1)
        shape = (count, 1 + STYLES_PER_IMAGE, LATENT_CHANNELS, SIZE // 4, SIZE // 4)
        mean, std = torch.empty(shape, dtype=torch.half), torch.empty(shape, dtype=torch.half)
        generator = self.generator(3, 0)
        vae.eval().to(memory_format=torch.channels_last)
        for begin in track(range(0, count, 256), "latents"):
            rows = slice(begin, min(begin + 256, count))
            for column in range(shape[1]):
                draws = torch.rand(rows.stop - rows.start, 4, generator=generator)
                images = render(self.garments[rows], domains[rows, column], draws)
                with self.autocast():
                    posterior = vae.encode(images.to(self.device)).latent_dist
                mean[rows, column] = posterior.mean.half().cpu()
                std[rows, column] = posterior.std.half().cpu()
        scaling = 1 / (mean.float().var() + std.float().square().mean()).sqrt().item()
        vae.register_to_config(scaling_factor=round(scaling, 5))
        vae.save_pretrained(self.work / "vae")
        result = {"mean": mean, "std": std, "domain": domains, "scaling": torch.tensor(scaling)}
        torch.save(result, path)
        self.journal.record(
            "latents", seconds=round(time.perf_counter() - started, 1), scaling=round(scaling, 4)
        )
        return result

    def new_text_encoder(self, tokenizer: CLIPTokenizer) -> CLIPTextModel:
        return CLIPTextModel(
            CLIPTextConfig(
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
                attn_implementation="eager",
            )
        )

    def new_unet(self) -> UNet2DConditionModel:
        return UNet2DConditionModel(
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

    def caption_table(self, tokenizer: CLIPTokenizer) -> tuple[Tensor, Tensor, Tensor]:
        """All captions as ids `[captions, tokens]`; first row and count by (class, domain or none).

        Domain 0, the photograph, has its domain captions; column `len(DOMAINS)` holds the plain
        ones. Row 0 is the empty caption of unconditional training.
        """
        texts = [""]
        first = torch.zeros(len(CLASS_NAMES), len(DOMAINS) + 1, dtype=torch.long)
        count = torch.zeros_like(first)
        for row, name in enumerate(CLASS_NAMES):
            for column, domain in enumerate([*DOMAIN_NAMES, None]):
                wordings = captions(name, domain)
                first[row, column], count[row, column] = len(texts), len(wordings)
                texts += wordings
        tokens = tokenizer(texts, padding="max_length", truncation=True, return_tensors="pt")
        return tokens.input_ids, first, count

    def train_unet(self, latents: dict[str, Tensor]) -> nn.ModuleDict:
        """Train text encoder and UNet on v-prediction with min-SNR weights (arXiv 2303.09556)."""
        settings = self.settings
        write_tokenizer(self.work / "tokenizer", DOMAIN_NAMES)
        tokenizer = CLIPTokenizer.from_pretrained(self.work / "tokenizer")
        tokens, first, count = self.caption_table(tokenizer)
        torch.manual_seed(settings.seed)
        model = nn.ModuleDict(
            {"text_encoder": self.new_text_encoder(tokenizer), "unet": self.new_unet()}
        ).to(self.device, memory_format=torch.channels_last)
        # On CPUs the fused attention's backward pass is slower than plain matrix products.
        model["unet"].set_attn_processor(AttnProcessor())
        average = torch.optim.swa_utils.AveragedModel(
            model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(settings.ema_decay)
        )
        optimizer = torch.optim.AdamW(
            model.parameters(), lr=settings.unet_learning_rate, weight_decay=0.01, betas=(0.9, 0.98)
        )
        checkpoint = self.work / "unet.pt"
        start, spent, recorded = self.resume(checkpoint, model, average, optimizer)
        alphas = noise_scheduler().alphas_cumprod.to(self.device)
        scaling, size = float(latents["scaling"]), settings.unet_batch

        def objective(
            noised: Tensor, timesteps: Tensor, ids: Tensor, target: Tensor
        ) -> Tensor:
            with self.autocast():
                states = model["text_encoder"](ids).last_hidden_state
                predicted = model["unet"](noised, timesteps, states).sample.float()
            signal = alphas[timesteps]
            ratio = signal / (1 - signal)
            weight = ratio.clamp(max=MIN_SNR_GAMMA) / (ratio + 1)
            return (weight * (predicted - target).square().mean((1, 2, 3))).mean()

        run = torch.compile(objective) if settings.compile else objective
        clock = time.perf_counter()
        for step in track(range(start, settings.unet_steps), "unet"):
            set_learning_rate(optimizer, settings.unet_learning_rate, step, settings.unet_steps)
            generator = self.generator(4, step)
            rows = torch.randint(len(self.garments), (size,), generator=generator)
            style = torch.randint(1, 1 + STYLES_PER_IMAGE, (size,), generator=generator)
            style = style.where(torch.rand(size, generator=generator) > settings.photo_share, 0)
            domains = latents["domain"][rows, style]
            # A photograph is mostly captioned without a domain, as photographs on the web are.
            plain = (domains == 0) & (torch.rand(size, generator=generator) < 0.85)
            column = domains.where(~plain, len(DOMAINS))
            wording = torch.rand(size, generator=generator)
            labels = self.labels[rows]
            caption = first[labels, column] + (wording * count[labels, column]).long()
            dropped = torch.rand(size, generator=generator) < settings.caption_dropout
            caption = caption.where(~dropped, 0)

            noise = torch.randn(
                2, size, LATENT_CHANNELS, SIZE // 4, SIZE // 4, generator=generator
            ).to(self.device)
            mean = latents["mean"][rows, style].to(self.device).float()
            std = latents["std"][rows, style].to(self.device).float()
            clean = (mean + std * noise[0]) * scaling
            timesteps = torch.randint(1000, (size,), generator=generator).to(self.device)
            signal = alphas[timesteps].sqrt().view(-1, 1, 1, 1)
            sigma = (1 - alphas[timesteps]).sqrt().view(-1, 1, 1, 1)
            noised = (signal * clean + sigma * noise[1]).contiguous(
                memory_format=torch.channels_last
            )
            target = signal * noise[1] - sigma * clean
            ids = tokens[caption].to(self.device)
            loss = run(noised, timesteps, ids, target)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            average.update_parameters(model)
            recorded = 0.99 * recorded + 0.01 * loss.item() if step else loss.item()
            if (step + 1) % 250 == 0:
                spent, clock = spent + time.perf_counter() - clock, time.perf_counter()
                self.checkpoint(checkpoint, model, average, optimizer, step + 1, spent, recorded)
                print(f"unet {step + 1} loss {recorded:.5f} {spent:.0f} s", flush=True)
        seconds = spent + time.perf_counter() - clock
        self.journal.record(
            "unet",
            seconds=round(seconds, 1),
            steps=settings.unet_steps,
            images=settings.unet_steps * size,
            loss=round(recorded, 5),
        )
        return average.module


def noise_scheduler() -> DPMSolverMultistepScheduler:
    return DPMSolverMultistepScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        prediction_type="v_prediction",
        algorithm_type="dpmsolver++",
        timestep_spacing="trailing",
    )


def save_pipeline(out: Path, work: Path, model: nn.ModuleDict) -> None:
    """Write the diffusers folder; an existing one is replaced only once the new one is whole."""
    staged = out.with_name(out.name + ".new")
    shutil.rmtree(staged, ignore_errors=True)
    shutil.copytree(work / "vae", staged / "vae")
    shutil.copytree(work / "tokenizer", staged / "tokenizer")
    model["unet"].save_pretrained(staged / "unet")
    model["text_encoder"].save_pretrained(staged / "text_encoder")
    noise_scheduler().save_pretrained(staged / "scheduler")
    index = {
        "_class_name": "StableDiffusionPipeline",
        "_diffusers_version": "0.42.1",
        "feature_extractor": [None, None],
        "image_encoder": [None, None],
        "requires_safety_checker": False,
        "safety_checker": [None, None],
        "scheduler": ["diffusers", "DPMSolverMultistepScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }
    (staged / "model_index.json").write_text(json.dumps(index, indent=2) + "\n")
    for kept in ("README.md", "LICENSE"):
        if (out / kept).exists():
            shutil.copy(out / kept, staged / kept)
    shutil.rmtree(out, ignore_errors=True)
    staged.rename(out)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("build/data"), help="torchvision root")
    parser.add_argument("--work", type=Path, default=Path("build/tiny"), help="checkpoints")
    parser.add_argument("--out", type=Path, default=Path("assets/tiny-fashion"))
    for name, value in asdict(Settings()).items():
        option = f"--{name.replace('_', '-')}"
        if isinstance(value, bool):
            parser.add_argument(option, action=argparse.BooleanOptionalAction, default=value)
        else:
            parser.add_argument(option, type=type(value), default=value)
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    names = asdict(Settings())
    settings = Settings(**{name: getattr(arguments, name) for name in names})
    arguments.work.mkdir(parents=True, exist_ok=True)
    garments, labels = load_garments(arguments.data)
    trainer = Trainer(settings, arguments.work, garments, labels)
    trainer.journal.record(
        "setting", **asdict(settings), machine=platform.processor(), torch=torch.__version__
    )
    vae = trainer.train_autoencoder()
    latents = trainer.encode_all(vae)
    model = trainer.train_unet(latents)
    save_pipeline(arguments.out, arguments.work, model)


if __name__ == "__main__":
    main()
