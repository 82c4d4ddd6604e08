"""Comparing contenders: each at its best batch, in turn, round after round, with a verdict."""

from .batch_search import BatchPoint, BatchSearch, search_best_batch
from .progress import SILENT, Progress, check_counts
from .rounds import Contender, Measurement, Rounds, run_rounds
from .rows import measured_row
from .summary import doubts, ratios
from .timing import calibrated, replayed, timed
from .worker import ContenderError, Worker, reason_of

__all__ = [
    "SILENT",
    "BatchPoint",
    "BatchSearch",
    "Contender",
    "ContenderError",
    "Measurement",
    "Progress",
    "Rounds",
    "Worker",
    "calibrated",
    "check_counts",
    "doubts",
    "measured_row",
    "ratios",
    "reason_of",
    "replayed",
    "run_rounds",
    "search_best_batch",
    "timed",
]
