"""Trains the embedded dual encoder, `assets/tiny-clip`.

    python tools/train_tiny_clip.py --data FOLDER --generated 20000

It learns to tell which captions belong to which images: all of a class and a domain do
(arXiv 2004.11362, in both directions). Real images are those of `--data`, labelled photographs of
any source that zeroreal reads; the rest comes from the embedded pipeline. `--test` tells the
accuracy on the real images that ship, which are for the last look, not for choices: these are made
on the last `--held-out` images of the data.
"""

from __future__ import annotations

import argparse
import json
import time
from itertools import product
from pathlib import Path

import torch
import torch.nn.functional as F
from rich.progress import track
from tiny_clip.captions import DOMAIN_NAMES, FRENCH_CLASSES, GERMAN_CLASSES
from tiny_clip.data import NAMES, Generated, draw_pairs, generate, real_garments
from tiny_clip.model import new_model, new_tokenizer, save
from tiny_fashion.data import Garments
from tiny_fashion.settings import SIZE, Settings, set_learning_rate, stream
from torch import Tensor
from transformers import CLIPModel, CLIPTokenizer

from zeroreal.assets import FASHION_MNIST_TEST, TINY_CLIP, TINY_FASHION
from zeroreal.assets.embedded import EMBEDDED_CLASSES
from zeroreal.data import load_real_images
from zeroreal.encoders import ZeroShotClassifier, load_encoder
from zeroreal.generate import parse_classes

_LEARNING_RATE, _WEIGHT_DECAY = 1e-3, 0.1
_SHARPEST = 100.0  # what CLIP bounds its scale by
_ENGLISH = "a photo of a {class}"


def contrastive_loss(images: Tensor, texts: Tensor, groups: Tensor, scale: Tensor) -> Tensor:
    """Cross-entropy from images to texts and back, over all pairs of one group.

    Images and texts are unit vectors `[B, D]`, `groups` int64 `[B]`.
    """
    logits = scale * images @ texts.T
    same = (groups[:, None] == groups).float()
    targets = same / same.sum(1, keepdim=True)  # symmetric
    return (F.cross_entropy(logits, targets) + F.cross_entropy(logits.T, targets)) / 2


def train(
    model: CLIPModel,
    tokenizer: CLIPTokenizer,
    garments: Garments,
    generated: Generated | None,
    chosen: argparse.Namespace,
) -> float:
    """Train in place; the loss's running mean at the end."""
    settings = Settings(seed=chosen.seed, photo_share=chosen.photo_share)
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=_WEIGHT_DECAY)
    mean = None
    for step in track(range(chosen.steps), "dual encoder"):
        set_learning_rate(optimizer, _LEARNING_RATE, step, chosen.steps)
        draws = stream(settings, 8, step)
        images, texts, groups = draw_pairs(
            garments, generated, chosen.batch, chosen.real_share, settings, draws
        )
        tokens = tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
        with torch.autocast("cpu", torch.bfloat16):
            outputs = model(**tokens, pixel_values=images)
        loss = contrastive_loss(
            outputs.image_embeds.float(),
            outputs.text_embeds.float(),
            groups,
            model.logit_scale.exp(),
        )
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        with torch.no_grad():
            model.logit_scale.clamp_(max=torch.tensor(_SHARPEST).log())
        mean = loss.item() if mean is None else 0.98 * mean + 0.02 * loss.item()
    return mean or 0.0


def accuracy(folder: Path, images: Tensor, labels: Tensor) -> dict[str, float]:
    """Of the encoder in `folder`, zero-shot, by language: images uint8 `[N, S, S, 3]`."""
    encoder = load_encoder(folder, torch.device("cpu"))
    texts = {
        _ENGLISH: [one.prompt for one in parse_classes(EMBEDDED_CLASSES)],
        "ein Foto von {class}": [dative for _, _, dative in GERMAN_CLASSES.values()],
        "une photo d'{class}": [with_article for _, with_article in FRENCH_CLASSES.values()],
    }
    found = {}
    for template, classes in texts.items():
        predicted = ZeroShotClassifier(encoder, classes, [template])(images).argmax(1)
        found[template] = round(float((predicted == labels).float().mean()), 4)
    return found


def _rows(garments: Garments, first: int, last: int | None) -> Garments:
    return Garments(garments.images[first:last], garments.labels[first:last])


def _as_pictures(garments: Garments) -> Tensor:
    grey = (garments.images[:, 0] * 255).round().to(torch.uint8)
    return grey[..., None].expand(-1, -1, -1, 3).contiguous()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="labelled photographs, for load_images")
    parser.add_argument("--generated", type=int, default=20_000, help="images of the pipeline")
    parser.add_argument("--unet", default=None, help="the pipeline's, such as few-step")
    parser.add_argument("--generate-steps", type=int, default=None)
    parser.add_argument("--pipeline", type=Path, default=TINY_FASHION)
    parser.add_argument("--out", type=Path, default=TINY_CLIP)
    parser.add_argument("--steps", type=int, default=1_200)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--real-share", type=float, default=0.5, help="of each batch")
    parser.add_argument("--photo-share", type=float, default=0.6, help="of the real images")
    parser.add_argument("--held-out", type=int, default=600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--test", action="store_true", help="tell the accuracy on the test images")
    return parser.parse_args()


def main() -> None:
    """Train, report and save."""
    chosen = _arguments()
    torch.manual_seed(chosen.seed)
    garments = real_garments(chosen.data, SIZE)
    kept = len(garments) - chosen.held_out
    began = time.perf_counter()
    generated = None
    if chosen.generated:
        how = {"unet": chosen.unet, "steps": chosen.generate_steps}
        how = {name: value for name, value in how.items() if value is not None}
        generated = generate(chosen.generated, chosen.seed, device="cpu", **how)
    made = time.perf_counter()
    tokenizer = new_tokenizer(chosen.out)
    model = new_model(tokenizer, chosen.pipeline)
    loss = train(model, tokenizer, _rows(garments, 0, kept), generated, chosen)
    done = time.perf_counter()
    save(model, chosen.out)
    figures = {
        "parameters": sum(one.numel() for one in model.parameters()),
        "real": kept,
        "generated": 0 if generated is None else len(generated.labels),
        "groups": len(list(product(NAMES, DOMAIN_NAMES))),
        "steps": chosen.steps,
        "loss": round(loss, 4),
        "generate_seconds": round(made - began),
        "train_seconds": round(done - made),
    }
    last = _rows(garments, kept, None)
    figures["held_out"] = accuracy(chosen.out, _as_pictures(last), last.labels)
    if chosen.test:
        real = load_real_images(FASHION_MNIST_TEST, NAMES, SIZE)
        figures["test"] = accuracy(chosen.out, real.images, real.labels)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
