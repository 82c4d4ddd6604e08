"""Images generated while an ordinary PyTorch loop trains on them.

python examples/plain_loop.py
"""

import argparse

import timm
import torch
import torch.nn.functional as F

from zeroreal.generate import Generator, SamplePlan, load_recipe, parse_classes
from zeroreal.kernels import AugmentRanges
from zeroreal.train import Feed, ImagePool, Loader

parser = argparse.ArgumentParser()
parser.add_argument("--images-per-class", type=int, default=200)
parser.add_argument("--steps", type=int, default=8)
parser.add_argument("--epochs", type=int, default=8)
chosen = parser.parse_args()

classes = parse_classes(["sneaker", "sandal", "ankle boot"])
plan = SamplePlan(load_recipe("random-guidance"), classes, chosen.images_per_class, seed=0)
generator = Generator(steps=chosen.steps)

# All images fit; the first quarter is trained on while there are no more.
pool = ImagePool(len(plan), generator.image_size, generator.device)
feed = Feed(generator, plan, pool, block=-(-len(plan) // 4))
ranges = AugmentRanges(flip=0.5, shift=0.06, erase=0.5)
loader = Loader(feed, batch_size=64, augment=ranges, epochs=chosen.epochs)

model = timm.create_model("test_resnet", num_classes=len(classes)).to(generator.device)
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
for epoch in range(loader.total_epochs()):
    for images, labels in loader:  # on the device, channels-last, augmented
        loss = F.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch + 1}: loss {loss.item():.3f}, replay ratio {loader.replay_ratio:.1f}")
