"""The images that a run's files are checked and calibrated on: its own, read or generated again."""

from __future__ import annotations

from torch import Tensor

from ...base import InputError
from ...base.progress import OnStage
from ..finished import FinishedRun
from ..folder import read_config
from ..regenerated import images_again
from .settings import DeploySettings


def run_images(run: FinishedRun, wanted: DeploySettings, on_progress: OnStage) -> Tensor:
    """Images of all classes that the run trained on, uint8 `[N, S, S, 3]`, of its plan the first.

    Raises `InputError` where they must be generated and were not asked to be, where what they come
    from has changed, and for fewer than can be used.
    """
    settings, _ = read_config(run.folder)
    if settings.images is None and not wanted.regenerate:
        raise InputError(
            f"the run in {str(run.folder)!r} keeps none of the images that it generated, and "
            f"{wanted.synthetic} are needed to check its files: give --regenerate to generate them "
            "again, or fewer with --synthetic"
        )
    card = run.saved.card
    return images_again(run.folder, card, wanted.device, on_progress, wanted.synthetic)[0]
