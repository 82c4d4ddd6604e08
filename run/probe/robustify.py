"""A run that is fine-tuned on the corruptions that it cannot bear, as a run of its own.

All weights are trained on, as in the baseline of "Efficiently Robustify Pre-trained Models" (arXiv
2309.07499): its teachers and frozen layers are for models that are too large for that.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from ...base import InputError, resolve_device
from ...base.files import write_atomically
from ...base.progress import OnStage
from ...base.reading import load_json, read_bytes
from ...export.onnx.output_folder import appearing, check_unused
from ...generate import ClassName
from ...kernels import AugmentRanges
from ...train.classifier.evaluate import counted
from ...train.classifier.saved import SavedClassifier, load_classifier, save_classifier
from ..folder import CONFIG, check_rights, read_config
from ..judge import judge_of
from ..preparation import real_test_images
from ..regenerated import check_finished, images_again
from ..report.summary import METRICS, test_content, test_figures
from ..settings import RunSettings
from .asking import Answers, ProbeImages, ask_all
from .changes.conditions import corruption_conditions, other_conditions
from .corruptions.table import check_side
from .fine_tuning import fine_tuned, hurting, with_copies
from .images import probe_images
from .report.build import mean_of, report_on
from .report.figures import Means, ProbeReport, Robustified
from .report.measuring import accuracy, corruption_figures
from .report.page import write_report
from .settings import NAMES, ProbeSettings

_REMEDY = "restore the run's files, or run it again"


@dataclass(frozen=True)
class _Tuned:
    """A classifier after fine-tuning, and what it was tuned on."""

    saved: SavedClassifier
    names: tuple[str, ...]
    images: int
    learning_rate: float
    seconds: float


def robustify(
    run: Path, settings: ProbeSettings, out: str | Path | None, on_progress: OnStage
) -> tuple[Path, ProbeReport]:
    """Fine-tune the classifier of a finished run, and write the new run: its folder and its report.

    The corruptions are chosen on the images of training; those that are probed with only measure.
    The run itself stays as it is. Raises `InputError` for what cannot be used.
    """
    if not run.is_dir():
        raise InputError(
            f"{str(run)!r} is no run's folder, and only a run can be fine-tuned: give one"
        )
    saved = load_classifier(run, resolve_device(settings.device))
    check_finished(run)
    check_side(saved.card.image_size)
    folder = Path(out) if out is not None else _beside(run)
    check_unused(folder)
    check_rights(folder)
    judge = judge_of(saved)
    found = probe_images(run, judge, settings, on_progress)
    corruptions = corruption_conditions(NAMES, settings.seed)
    others = other_conditions(judge.image_size, settings.seed)
    tuned = _tuned(run, saved, settings, on_progress)
    before = ask_all(judge, found, corruptions, on_progress, "before")
    began = time.perf_counter()
    after = ask_all(judge_of(tuned.saved), found, [*corruptions, *others], on_progress, "after")
    report = report_on(
        after,
        found,
        judge_of(tuned.saved),
        settings,
        name=folder.resolve().name,
        planned=len(found),
        seconds=time.perf_counter() - began,
        can_robustify=False,
        robustified=_compared(run, tuned, settings, found, before, after),
    )
    with appearing(folder) as partial:
        _write_run(run, partial, tuned.saved, report)
        write_report(partial, report, found, after.conditions)
    return folder, report


def _tuned(
    run: Path, saved: SavedClassifier, settings: ProbeSettings, on_progress: OnStage
) -> _Tuned:
    run_settings, _ = read_config(run)
    wanted, seed = settings.tuning, (settings.seed + 1) % 2**64  # other draws than those of probing
    trained = images_again(run, saved.card, settings.device, on_progress)
    candidates = [name for name in NAMES if name not in wanted.hold_out]
    names = hurting(saved, trained, candidates, seed, on_progress)
    began = time.perf_counter()
    images, labels = with_copies(trained, names, wanted.copies, seed, saved.device, on_progress)
    train = replace(
        run_settings.train,
        epochs=wanted.epochs,
        learning_rate=wanted.learning_rate or run_settings.train.learning_rate / 4,
        least_map=saved.card.least_map,
        max_replay=None,
        augment=AugmentRanges(),  # it is the end of training
    )
    after = fine_tuned(saved, (images, labels), train, run_settings.amp, seed, on_progress)
    seconds = time.perf_counter() - began
    return _Tuned(after, names, len(images), train.learning_rate, seconds)


def _compared(
    run: Path,
    tuned: _Tuned,
    settings: ProbeSettings,
    found: ProbeImages,
    before: Answers,
    after: Answers,
) -> Robustified:
    held_out = tuple(name for name in NAMES if name in settings.tuning.hold_out)
    rows = [
        [(one.name, one.accuracy) for one in corruption_figures(answers, found.labels)]
        for answers in (before, after)
    ]
    means = [
        _means(accuracy(answers.unchanged, found.labels), values, tuned.names, held_out)
        for answers, values in zip((before, after), rows, strict=True)
    ]
    return Robustified(
        origin=str(run.resolve()),
        trained_on=tuned.names,
        held_out=held_out,
        images=tuned.images,
        epochs=settings.tuning.epochs,
        learning_rate=tuned.learning_rate,
        before=means[0],
        after=means[1],
        accuracies_before=tuple(value for _, value in rows[0]),
        seconds=round(tuned.seconds, 3),
    )


def _means(
    clean: float,
    values: Sequence[tuple[str, float]],
    trained_on: Sequence[str],
    held_out: Sequence[str],
) -> Means:
    others = [name for name in NAMES if name not in (*trained_on, *held_out)]
    everywhere, trained = mean_of(values, NAMES), mean_of(values, trained_on)
    assert everywhere is not None
    assert trained is not None
    return Means(clean, everywhere, trained, mean_of(values, held_out), mean_of(values, others))


def _write_run(run: Path, folder: Path, saved: SavedClassifier, report: ProbeReport) -> None:
    """Write classifier, configuration and figures into the folder that is to become the new run's.

    Its configuration is that of the run before, by which its images can be generated again.
    """
    settings, _ = read_config(run)
    save_classifier(folder, saved.model, saved.card)
    write_atomically(folder / CONFIG, read_bytes(run / CONFIG, "configuration"))
    content = load_json(run / METRICS, "figures", _REMEDY)
    if not isinstance(content, dict):
        raise InputError(f"figures {str(run / METRICS)!r} are no values by their names: {_REMEDY}")
    assert report.robustified is not None
    content |= {
        "name": report.name,
        "created": datetime.now().astimezone().isoformat(timespec="seconds"),
        "command": report.command,
        "test": _test(settings, saved),
        "robustified": asdict(report.robustified),
    }
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    write_atomically(folder / METRICS, text.encode())


def _test(settings: RunSettings, saved: SavedClassifier) -> dict[str, Any] | None:
    """The figures of the run's own test; None where it has no real images."""
    card = saved.card
    classes = tuple(map(ClassName, card.classes, card.prompts))
    real, _ = real_test_images(settings, classes, card.image_size)
    if real is None:
        return None
    counts = counted(saved.logits(real.images), real.labels, len(card.classes))
    return test_content(test_figures(counts, real.source, card.classes))


def _beside(run: Path) -> Path:
    """A new folder beside the run's, called after it."""
    stem, number = run.resolve(), 1
    folder = stem.with_name(f"{stem.name}-robust")
    while folder.exists():
        number += 1
        folder = stem.with_name(f"{stem.name}-robust-{number}")
    return folder
