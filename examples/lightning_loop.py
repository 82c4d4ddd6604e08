"""The loader in place of a `DataLoader` in Lightning, on images that somebody has.

    python examples/lightning_loop.py FOLDER

`FOLDER` holds a sub-folder of images for each class, WebDataset shards or Parquet files.
"""

import argparse

import lightning
import timm
import torch
import torch.nn.functional as F

from zeroreal.base import resolve_device
from zeroreal.data import load_images
from zeroreal.kernels import AugmentRanges
from zeroreal.train import ImagePool, Loader

parser = argparse.ArgumentParser()
parser.add_argument("folder")
parser.add_argument("--size", type=int, default=32)
parser.add_argument("--epochs", type=int, default=4)
chosen = parser.parse_args()


class Classifier(lightning.LightningModule):
    """A timm model, trained by cross-entropy."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.model = timm.create_model("test_resnet", num_classes=classes)

    def training_step(self, batch, number):
        """The loss of one batch."""
        images, labels = batch
        return F.cross_entropy(self.model(images), labels)

    def configure_optimizers(self):
        """AdamW."""
        return torch.optim.AdamW(self.parameters(), lr=2e-3)


found = load_images(chosen.folder, chosen.size)
device = resolve_device("auto")
pool = ImagePool.of(found.images, found.labels, device)
loader = Loader(pool, batch_size=64, augment=AugmentRanges(area=(0.5, 1.0), flip=0.5))
trainer = lightning.Trainer(
    max_epochs=chosen.epochs,
    accelerator="gpu" if device.type == "cuda" else "cpu",
    devices=1,
    logger=False,
    enable_checkpointing=False,
)
trainer.fit(Classifier(len(found.classes)), loader)
print(f"trained on {len(pool)} images of {', '.join(found.classes)}")
