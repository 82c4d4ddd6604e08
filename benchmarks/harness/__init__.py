"""Comparing contenders: each at its best batch, in turn, round after round, with a verdict."""

from ...report.facts import check_result_path, run_facts, write_result
from .batch_search import BatchPoint, BatchSearch, search_best_batch
from .rounds import Contender, Measurement, Rounds, run_rounds
from .settings import Tell, check_counts, silent
from .summary import doubts, ratios, spread
from .timing import calibrated, timed
from .worker import ContenderError, Worker, reason_of

__all__ = [
    "BatchPoint",
    "BatchSearch",
    "Contender",
    "ContenderError",
    "Measurement",
    "Rounds",
    "Tell",
    "Worker",
    "calibrated",
    "check_counts",
    "check_result_path",
    "doubts",
    "ratios",
    "reason_of",
    "run_facts",
    "run_rounds",
    "search_best_batch",
    "silent",
    "spread",
    "timed",
    "write_result",
]
