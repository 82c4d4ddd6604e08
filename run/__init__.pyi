from .interruption import RunInterruptedError
from .predict import Prediction, evaluate_run, predict_files, write_predictions
from .report.summary import RunSummary, TestFigures
from .settings import RunSettings
from .start import RunResult, resume, run

__all__ = [
    "Prediction",
    "RunInterruptedError",
    "RunResult",
    "RunSettings",
    "RunSummary",
    "TestFigures",
    "evaluate_run",
    "predict_files",
    "resume",
    "run",
    "write_predictions",
]
