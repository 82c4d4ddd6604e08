from .predict import Prediction, evaluate_run, predict_files
from .progress import StageProgress
from .settings import RunSettings
from .start import RunInterruptedError, RunResult, resume, run
from .summary import RunSummary, TestFigures

__all__ = [
    "Prediction",
    "RunInterruptedError",
    "RunResult",
    "RunSettings",
    "RunSummary",
    "StageProgress",
    "TestFigures",
    "evaluate_run",
    "predict_files",
    "resume",
    "run",
]
