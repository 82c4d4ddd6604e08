from .predict import Prediction, evaluate_run, predict_files
from .progress import Progress
from .settings import RunSettings
from .start import RunInterruptedError, RunResult, resume, run

__all__ = [
    "Prediction",
    "Progress",
    "RunInterruptedError",
    "RunResult",
    "RunSettings",
    "evaluate_run",
    "predict_files",
    "resume",
    "run",
]
