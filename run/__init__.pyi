from .calibration.calibrate import calibrate_run
from .calibration.file import Calibration
from .calibration.settings import CalibrateSettings
from .deploy.deploy import deploy_run
from .deploy.figures import Deployment
from .deploy.settings import DeploySettings
from .interruption import RunInterruptedError
from .predict import Prediction, evaluate_run, predict_files, write_predictions
from .report.summary import RunSummary, TestFigures
from .settings import RunSettings
from .start import RunResult, resume, run

__all__ = [
    "CalibrateSettings",
    "Calibration",
    "DeploySettings",
    "Deployment",
    "Prediction",
    "RunInterruptedError",
    "RunResult",
    "RunSettings",
    "RunSummary",
    "TestFigures",
    "calibrate_run",
    "deploy_run",
    "evaluate_run",
    "predict_files",
    "resume",
    "run",
    "write_predictions",
]
