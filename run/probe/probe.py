"""Probing a classifier: what it cannot bear, on a page and as JSON."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from ...base import InputError
from ...base.progress import OnStage
from ..folder import check_rights
from ..judge import load_judge
from .asking import ask
from .changes.conditions import corruption_conditions, other_conditions
from .corruptions.table import check_side
from .images import probe_images
from .report.build import report_on
from .report.figures import ProbeReport
from .report.page import write_report
from .robustify import robustify
from .settings import NAMES, ProbeSettings

_AS_IS = ProbeSettings()


@dataclass(frozen=True)
class ProbeResult:
    """A robustness report and the folder that it is in."""

    folder: Path
    report: ProbeReport


def probe_run(
    run: str | Path,
    settings: ProbeSettings = _AS_IS,
    out: str | Path | None = None,
    on_progress: OnStage = lambda progress: None,
) -> ProbeResult:
    """Measure what a classifier cannot bear, and write `probe.json` and `probe.html`.

    Args:
        run: the folder of a finished run, or an ONNX file that was deployed of one.
        settings: the images, the corruptions, and whether to fine-tune.
        out: the folder for the report, by default that of the run or the file; where a run is
            fine-tuned, that of the new run, by default one beside it.
        on_progress: told of every stage.

    Ctrl-C ends it with the report on the images that are done by then. Raises `InputError` for
    what cannot be used.
    """
    path = Path(run)
    if settings.robustify:
        return ProbeResult(*robustify(path, settings, out, on_progress))
    judge = load_judge(path, settings.device)
    check_side(judge.image_size)
    folder = _folder(path, out)
    found = probe_images(path, judge, settings, on_progress)
    conditions = [
        *corruption_conditions(settings.corruptions or NAMES, settings.seed),
        *other_conditions(judge.image_size, settings.seed),
    ]
    began = time.perf_counter()
    answers = ask(judge, found, conditions, on_progress)
    done = found.first(len(answers))
    report = report_on(
        answers,
        done,
        judge,
        settings,
        name=path.resolve().name,
        planned=len(found),
        seconds=time.perf_counter() - began,
        can_robustify=path.is_dir(),
    )
    folder.mkdir(parents=True, exist_ok=True)
    write_report(folder, report, done, answers.conditions)
    return ProbeResult(folder, report)


def _folder(path: Path, out: str | Path | None) -> Path:
    """Where the report goes; `InputError` where it cannot."""
    folder = Path(out) if out is not None else path if path.is_dir() else path.parent
    if folder.exists() and not folder.is_dir():
        raise InputError(f"output folder {str(folder)!r} is a file: name a folder")
    check_rights(folder)
    return folder
