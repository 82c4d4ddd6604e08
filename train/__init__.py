"""From generated images to a tested classifier: pool, augmentation, trainer, evaluation, runs."""

from .checkpoint import CheckpointFolder
from .degrade import DegradeRanges
from .evaluate import Evaluation, evaluate
from .feed import Feed
from .image_source import LabelledImages, load_images
from .loader import Loader
from .pool import ImagePool
from .presets import train_settings
from .real_data import load_real_images
from .run import Progress, RunInterruptedError, RunResult, resume, run
from .run_settings import RunSettings
from .settings import TrainSettings
from .trainer import Trainer
from .training import EpochReport
from .use import Prediction, evaluate_run, predict_files

__all__ = [
    "CheckpointFolder",
    "DegradeRanges",
    "EpochReport",
    "Evaluation",
    "Feed",
    "ImagePool",
    "LabelledImages",
    "Loader",
    "Prediction",
    "Progress",
    "RunInterruptedError",
    "RunResult",
    "RunSettings",
    "TrainSettings",
    "Trainer",
    "evaluate",
    "evaluate_run",
    "load_images",
    "load_real_images",
    "predict_files",
    "resume",
    "run",
    "train_settings",
]
