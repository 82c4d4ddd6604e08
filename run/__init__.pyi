from .interruption import RunInterruptedError
from .predict import Prediction, evaluate_run, predict_files, write_predictions
from .report.summary import RunSummary, TestFigures
from .settings import RunSettings
from .start import RunResult, resume, run
from .zeroshot.result import ZeroshotResult
from .zeroshot.settings import ZeroshotSettings
from .zeroshot.start import run_zeroshot

__all__ = [
    "Prediction",
    "RunInterruptedError",
    "RunResult",
    "RunSettings",
    "RunSummary",
    "TestFigures",
    "ZeroshotResult",
    "ZeroshotSettings",
    "evaluate_run",
    "predict_files",
    "resume",
    "run",
    "run_zeroshot",
    "write_predictions",
]
