"""An audit from its settings to its files."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from torch import Tensor

from ...base import InputError, describe_environment, resolve_device
from ...base.progress import OnStage, StageProgress
from ...export import find_model
from ...generate import ClassName, DataParallelGenerator, Generator, SamplePlan, parse_classes
from ...generate.plan.wordnet import load_wordnet
from ...generate.settings import GenerateSettings
from ...generate.suited import suited
from ...report.results.conditions import busy_share
from ..folder import new_run_folder
from ..generator import make_generator
from ..settings import RunSettings
from .candidates import Candidate, parse_candidates
from .captions import CaptionCounts, count_captions
from .figures import CandidateFigures, bounded, ranked, recommended
from .images import CandidateImages, KeptImages, generated, identity, read
from .names import name_pairs, senses
from .page import AuditPictures, write_page
from .recipe_file import RECIPE, run_command, write_recipe
from .result import AUDIT, AuditResult, now
from .settings import AuditSettings
from .training import accuracies
from .yardsticks import Yardsticks, make_yardsticks

_KEPT = "images"
_LOOK = 0.5  # seconds
_MOST_BUSY = 0.25  # share of the processors' time that others may take
_UNRANKED = (
    "there are no real images to compare with, so coverage, density, precision and recall are not "
    "known, and candidates have no rank: give unlabelled ones with --reference, or labelled ones "
    "with --data"
)


class AuditInterruptedError(Exception):
    """An audit was stopped by the user; the images of finished candidates are kept in `folder`."""

    def __init__(self, folder: Path, done: int, total: int) -> None:
        super().__init__(f"interrupted with {done} of {total} candidates done")
        self.folder = folder


@dataclass(frozen=True)
class _Measured:
    figures: CandidateFigures
    vectors: Tensor
    shown: AuditPictures


def run_audit(
    settings: AuditSettings,
    out: str | Path | None = None,
    on_progress: OnStage = lambda progress: None,
) -> AuditResult:
    """Compare candidates by a small sample of each, and write what was found into a folder.

    The folder is new, or that of an earlier audit, of which images are taken again where nothing
    has changed; by default `runs/<time>-audit`. Raises `InputError` for what cannot be used, and
    `AuditInterruptedError` after Ctrl-C.
    """
    began, busy = time.perf_counter(), busy_note()
    classes = parse_classes(settings.classes)
    candidates = parse_candidates(settings.candidates, settings.generate)
    plans = {
        one.name: SamplePlan(one.recipe, classes, settings.images_per_class, settings.seed)
        for one in candidates
        if one.recipe is not None
    }
    tools = make_yardsticks(settings, classes)
    folder = _folder(out)
    captions = _captions(settings, classes, plans, on_progress)
    auditor = _Auditor(tools, KeptImages(folder / _KEPT), plans, on_progress)
    measured = list[_Measured]()
    try:
        for number, one in enumerate(candidates):
            on_progress(StageProgress("audit", number, len(candidates), one.name))
            measured.append(auditor.measure(one))
        on_progress(StageProgress("audit", len(candidates), len(candidates)))
    except KeyboardInterrupt:
        raise AuditInterruptedError(folder, len(measured), len(candidates)) from None
    result = _result(settings, folder, tools, candidates, measured, captions, began)
    if busy is not None:
        result = replace(result, notes=(*result.notes, busy))
    result.write()
    write_page(result, {one.figures.name: one.shown for one in measured})
    return result


def busy_note() -> str | None:
    """What to say of a machine with other work to do than the audit, which has not begun."""
    share = busy_share(_LOOK)
    if share is None or share < _MOST_BUSY or resolve_device("auto").type != "cpu":
        return None
    return (
        f"the machine was busy when the audit began ({100 * share:.0f} % of the processors' time): "
        "images a second, and the ranks in equal time, are not to be trusted: audit on an idle "
        "one, or go by the coverage of equally many images"
    )


class _Auditor:
    """Measures candidates one after the other; the generator stays where the next needs it."""

    def __init__(
        self,
        tools: Yardsticks,
        kept: KeptImages,
        plans: Mapping[str, SamplePlan],
        on_progress: OnStage,
    ) -> None:
        self._tools, self._kept, self._plans, self._tell = tools, kept, plans, on_progress
        self._made_for: GenerateSettings | None = None
        self._generator: Generator | DataParallelGenerator | None = None

    def measure(self, one: Candidate) -> _Measured:
        """Everything of a candidate but its rank."""
        tools, settings = self._tools, self._tools.settings
        plan = self._plans.get(one.name)
        if plan is None:
            assert one.images is not None
            found = read(one.images, tools.classes, settings)
        else:
            found = self._images(one, plan)
        vectors = tools.vectors(found.images)
        figures = tools.figures(one.name, found, vectors, plan)
        real = tools.validation(found.images.shape[1])
        if real is not None:
            total, done = settings.epochs * settings.training_seeds, 0

            def tell() -> None:
                nonlocal done
                done += 1
                self._tell(StageProgress("train", done, total, one.name))

            trained = accuracies(found.images, found.labels, real, settings, tell)
            figures = replace(figures, accuracies=trained)
        names = [item.name for item in tools.classes]
        return _Measured(figures, vectors, AuditPictures.of(found.images, found.labels, names))

    def _images(self, one: Candidate, plan: SamplePlan) -> CandidateImages:
        folder = find_model(one.generate.model, one.generate.variant)
        suits = replace(one, generate=suited(folder, one.generate))
        device = resolve_device(self._tools.settings.device)
        made_by = identity(suits, plan, folder, device)
        found = self._kept.load(one.name, made_by, plan)
        if found is None:
            generator = self._generator_for(one, plan)
            found = generated(generator, plan, lambda done, rate: self._show(plan, done, rate))
            self._kept.save(one.name, made_by, found)
        return found

    def _generator_for(self, one: Candidate, plan: SamplePlan) -> Generator | DataParallelGenerator:
        if self._generator is None or self._made_for != one.generate:
            self._generator = None  # before another takes memory
            run = RunSettings(device=self._tools.settings.device, generate=one.generate)
            guided = any(other.recipe.guided for other in self._plans.values())
            images = sum(map(len, self._plans.values()))
            self._generator = make_generator(run, guided, images, self._tell)
            self._made_for = one.generate
        generator = self._generator
        generator.check_prompts(plan)
        warm = generator.facts.batch_size
        for _ in generator.generate(plan[:warm]):  # first batches are slower, and timed by none
            pass
        return generator

    def _show(self, plan: SamplePlan, done: int, rate: float) -> None:
        self._tell(StageProgress("generate", done, len(plan), f"{rate:.0f} images/s"))


def _folder(out: str | Path | None) -> Path:
    """The folder to write to: a new or empty one, or an earlier audit's."""
    if out is not None:
        folder = Path(out)
        if (folder / AUDIT).is_file() or (folder / _KEPT).is_dir():
            return folder
    return new_run_folder(out, "audit")


def _captions(
    settings: AuditSettings,
    classes: Sequence[ClassName],
    plans: Mapping[str, SamplePlan],
    on_progress: OnStage,
) -> CaptionCounts | None:
    if settings.captions is None:
        return None
    prompts = {spec.prompt for plan in plans.values() for spec in plan}
    return count_captions(
        Path(settings.captions),
        classes,
        sorted(prompts),
        lambda done: on_progress(StageProgress("captions", done, done)),
    )


def _result(
    settings: AuditSettings,
    folder: Path,
    tools: Yardsticks,
    candidates: Sequence[Candidate],
    measured: Sequence[_Measured],
    captions: CaptionCounts | None,
    began: float,
) -> AuditResult:
    found = ranked(
        [one.figures for one in measured],
        [one.vectors for one in measured],
        tools.reference,
        settings.neighbours + 1,
    )
    found = bounded(found, tools.validation_images)
    notes = [] if tools.reference is not None else [_UNRANKED]
    wordnet = None
    try:
        wordnet = load_wordnet()
    except InputError as error:
        notes.append(str(error))
    return AuditResult(
        folder,
        settings,
        tuple(item.name for item in tools.classes),
        found,
        settings.reference or settings.data,
        0 if tools.reference is None else len(tools.reference),
        tools.real_agreement,
        name_pairs(tools.agreeing.weights(), tools.classes, wordnet),
        senses(tools.classes, wordnet),
        captions,
        tuple(notes),
        _command(settings, folder, candidates, recommended(found)),
        f"{tools.encoder.name} ({tools.encoder.kind})",
        describe_environment(tools.encoder.device),
        time.perf_counter() - began,
        now(),
        tools.validation_images,
    )


def _command(
    settings: AuditSettings,
    folder: Path,
    candidates: Sequence[Candidate],
    best: CandidateFigures | None,
) -> str | None:
    """Write the recipe that is recommended, and give the command that takes it."""
    if best is None:
        (folder / RECIPE).unlink(missing_ok=True)  # an earlier audit's
        return None
    (one,) = (candidate for candidate in candidates if candidate.name == best.name)
    assert one.recipe is not None
    default = AuditSettings().classes
    classes = None if settings.classes == default else settings.classes
    return run_command(one, write_recipe(folder, one.recipe), classes)
