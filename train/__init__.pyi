from .classifier.evaluate import Evaluation, evaluate
from .loop.checkpoint import CheckpointFolder
from .loop.training import EpochReport
from .pool.feed import Feed
from .pool.loader import Loader
from .pool.pool import ImagePool
from .presets import train_settings
from .settings import DegradeRanges, PoolSettings, TrainSettings
from .trainer import Trainer

__all__ = [
    "CheckpointFolder",
    "DegradeRanges",
    "EpochReport",
    "Evaluation",
    "Feed",
    "ImagePool",
    "Loader",
    "PoolSettings",
    "TrainSettings",
    "Trainer",
    "evaluate",
    "train_settings",
]
