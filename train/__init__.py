"""From generated images to a tested classifier: pool, augmentation, trainer, evaluation, runs."""

from .evaluate import Evaluation, evaluate
from .pool import ImagePool
from .real_data import RealImages, load_real_images
from .run import Progress, RunInterruptedError, RunResult, resume, run
from .run_settings import RunSettings
from .settings import AugmentSettings, TrainSettings
from .trainer import EpochReport, Trainer
from .use import Prediction, evaluate_run, predict_files

__all__ = [
    "AugmentSettings",
    "EpochReport",
    "Evaluation",
    "ImagePool",
    "Prediction",
    "Progress",
    "RealImages",
    "RunInterruptedError",
    "RunResult",
    "RunSettings",
    "TrainSettings",
    "Trainer",
    "evaluate",
    "evaluate_run",
    "load_real_images",
    "predict_files",
    "resume",
    "run",
]
