from .audit.result import AuditResult
from .audit.settings import AuditSettings
from .audit.start import AuditInterruptedError, run_audit
from .baselines.figures import BaselineFigures
from .baselines.settings import BaselineSettings
from .calibration.calibrate import calibrate_run
from .calibration.file import Calibration
from .calibration.settings import CalibrateSettings
from .deploy.deploy import deploy_run
from .deploy.figures import Deployment
from .deploy.settings import DeploySettings
from .evaluate import evaluate_run
from .interruption import RunInterruptedError
from .predict import Prediction, predict_files, write_predictions
from .probe.probe import ProbeResult, probe_run
from .probe.settings import ProbeSettings
from .report.summary import RunSummary, TestFigures
from .reproduce.comparison import Reproduction
from .reproduce.reproduce import reproduce_run
from .selection.figures import SelectionFigures
from .selection.settings import SelectionSettings
from .serve.server import serve_run
from .serve.settings import ServeSettings
from .settings import RunSettings
from .start import RunResult, resume, run
from .worth.settings import WorthSettings
from .worth.start import measure_worth
from .worth.worth import Worth
from .zeroshot.result import ZeroshotResult
from .zeroshot.settings import ZeroshotSettings
from .zeroshot.start import run_zeroshot

__all__ = [
    "AuditInterruptedError",
    "AuditResult",
    "AuditSettings",
    "BaselineFigures",
    "BaselineSettings",
    "CalibrateSettings",
    "Calibration",
    "DeploySettings",
    "Deployment",
    "Prediction",
    "ProbeResult",
    "ProbeSettings",
    "Reproduction",
    "RunInterruptedError",
    "RunResult",
    "RunSettings",
    "RunSummary",
    "SelectionFigures",
    "SelectionSettings",
    "ServeSettings",
    "TestFigures",
    "Worth",
    "WorthSettings",
    "ZeroshotResult",
    "ZeroshotSettings",
    "calibrate_run",
    "deploy_run",
    "evaluate_run",
    "measure_worth",
    "predict_files",
    "probe_run",
    "reproduce_run",
    "resume",
    "run",
    "run_audit",
    "run_zeroshot",
    "serve_run",
    "write_predictions",
]
