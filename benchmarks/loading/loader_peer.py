"""How others load images that lie in memory: transforms in the workers of a `DataLoader`."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import torch
from timm.data.constants import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2


class TransformedImages(Dataset[tuple[Tensor, int]]):
    """Images in memory, each transformed when it is asked for.

    Args:
        images: uint8 `[N, S, S, 3]`.
        labels: of each image.
        transform: of one image, uint8 `[3, S, S]`.
    """

    def __init__(self, images: Tensor, labels: Tensor, transform: Callable[[Any], Tensor]) -> None:
        # Lists: indexing a tensor takes longer. Strides as decoders give them: the fastest here.
        self._images, self._labels = list(images.permute(0, 3, 1, 2)), labels.tolist()
        self._transform = transform

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self._transform(self._images[index]), self._labels[index]


def mirrored_and_normalised(crop: Any) -> Any:
    """`crop`, then what both loaders do in every case: uint8 `[3, S, S]` to float32."""
    return v2.Compose(
        [
            crop,
            v2.RandomHorizontalFlip(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD),
        ]
    )


def torchvision_loader(
    dataset: TransformedImages, batch_size: int, workers: int, device: torch.device
) -> DataLoader[Any]:
    """Shuffled batches of `dataset`, on the host; pinned where they are to go to a GPU."""
    return DataLoader(
        dataset,
        batch_size,
        shuffle=True,
        num_workers=workers,
        persistent_workers=workers > 0,
        pin_memory=device.type == "cuda",
    )


def bring_all(loader: DataLoader[Any], device: torch.device) -> None:
    """One epoch, each batch brought to `device`."""
    for images, labels in loader:
        images.to(device, non_blocking=True)
        labels.to(device, non_blocking=True)


def worker_counts() -> list[int]:
    """None, 1, 2, 4 and so on, and one for each core."""
    cores = len(os.sched_getaffinity(0))
    return sorted(
        {0, cores, *(2**power for power in range(cores.bit_length()) if 2**power < cores)}
    )


def best_workers(seconds: Callable[[int], float]) -> tuple[int, dict[int, float]]:
    """The number of workers that takes the fewest `seconds`, and what each takes."""
    tried = {count: seconds(count) for count in worker_counts()}
    return min(tried, key=tried.__getitem__), tried
