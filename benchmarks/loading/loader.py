"""Images a second of the loader alone, against torchvision's transforms in a `DataLoader`.

Both give float32 batches on the device, of the same uint8 images in memory, cropped, mirrored and
normalised alike; the `DataLoader` with as many workers as serve it best.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial

import torch

from ...base import resolve_device, unknown
from ...kernels import native_library_status
from ...report.results.result import Figures
from ...train import ImagePool, Loader
from ..harness import SILENT, Contender, Progress, calibrated, check_counts, timed
from ..harness.rates import RateCase, measure_rates
from .loader_cases import CASES
from .loader_peer import (
    TransformedImages,
    best_workers,
    bring_all,
    mirrored_and_normalised,
    torchvision_loader,
)
from .settings import LoaderSettings

OURS, PEER = "ours", "torchvision"
_ROUND_SECONDS = 0.5
_CLASSES = 10


def measure_loader(settings: LoaderSettings, progress: Progress = SILENT) -> Figures:
    """Measure; what there is is kept after every case.

    Ctrl-C ends the case in hand with the rounds that it has, and the measurement. Raises
    `InputError` for settings that cannot be used.
    """
    for name in settings.cases:
        if name not in CASES:
            raise unknown("loader case", name, CASES)
    counts = {"batch size": settings.batch_size, "rounds": settings.rounds}
    check_counts({"images": settings.images, **counts})
    device = resolve_device(settings.device)
    facts = {"native_library": native_library_status()[device.type].reason or "loaded"}
    cases = (
        _case(name, settings, device, progress.tell) for name in settings.cases or tuple(CASES)
    )
    return measure_rates(cases, settings.rounds, facts, progress)


def _case(
    name: str, settings: LoaderSettings, device: torch.device, tell: Callable[[str], None]
) -> RateCase:
    case, batch_size = CASES[name], settings.batch_size
    shape = (settings.images, case.stored, case.stored, 3)
    images = torch.randint(256, shape, dtype=torch.uint8)
    labels = torch.arange(settings.images) % _CLASSES
    dataset = TransformedImages(images, labels, mirrored_and_normalised(case.theirs()))
    loader = Loader(
        ImagePool.of(images, labels, device), batch_size, augment=case.ours, size=case.size
    )

    def peer(workers: int) -> Callable[[], None]:
        work = partial(bring_all, torchvision_loader(dataset, batch_size, workers, device), device)
        work()  # starts the workers
        return work

    tell(f"{name}: looking for torchvision's best number of workers")
    workers, tried = best_workers(lambda count: timed(peer(count), device))
    ours: Callable[[], object] = partial(deque, loader, maxlen=0)
    repeats = calibrated(ours, device, _ROUND_SECONDS)
    return RateCase(
        name,
        settings.images,
        (
            Contender(PEER, partial(timed, peer(workers), device)),
            Contender(OURS, partial(timed, ours, device, repeats)),
        ),
        {
            "stored_side": case.stored,
            "side": case.size,
            "workers": workers,
            "images_per_second_by_workers": {
                str(count): settings.images / seconds for count, seconds in tried.items()
            },
        },
    )
