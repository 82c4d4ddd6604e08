"""Fine-tuning a small run on the corruptions that hurt it."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from coloured import COLOURS, coloured
from pages import Page

from zeroreal.base import InputError, file_digest
from zeroreal.kernels import AugmentRanges
from zeroreal.run import ProbeSettings, evaluate_run, predict_files, probe_run, resume
from zeroreal.run.finished import read_run
from zeroreal.run.probe import asking, fine_tuning, robustify
from zeroreal.run.probe.corruptions.table import corrupted
from zeroreal.run.probe.settings import NAMES, RobustifySettings

FIXTURE = Path(__file__).parents[2] / "fixtures" / "run-version-1"
CPU = torch.device("cpu")
TUNING = RobustifySettings(epochs=2, copies=2)
BRIEF = RobustifySettings(epochs=1, copies=1)


@pytest.fixture(scope="module", autouse=True)
def _chosen_quickly():
    """A few images choose the corruptions."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fine_tuning, "_CHOOSING", 40)
        yield


def digests(folder):
    return {path.name: file_digest(path) for path in folder.iterdir() if path.is_file()}


@pytest.fixture(scope="module")
def robust(finished, cards, tmp_path_factory):
    """A run before and after, its report, and the real images that measured."""
    before, real = digests(finished), cards(40, 1)
    out = tmp_path_factory.mktemp("robust") / "out"
    settings = ProbeSettings(data=real, robustify=True, tuning=TUNING, device="cpu")
    result = probe_run(finished, settings, out)
    assert result.folder == out
    assert digests(finished) == before
    return finished, result, real


def test_the_new_run_is_used_as_any_other(robust):
    _, result, real = robust
    tested = evaluate_run(result.folder, real, "cpu")
    assert tested.accuracy == pytest.approx(result.report.accuracy)
    (image,) = list(Path(real).rglob("*.png"))[:1]
    assert predict_files(result.folder, [image], "cpu")[0].class_name in COLOURS
    assert read_run(result.folder).description.accuracy == pytest.approx(tested.accuracy)
    with pytest.raises(InputError, match="is finished"):
        resume(result.folder)


def test_before_and_after_are_measured_on_the_same_images(robust, tmp_path):
    run, result, real = robust
    found = result.report.robustified
    settings = ProbeSettings(data=real, device="cpu")
    before = probe_run(run, settings, tmp_path / "before").report
    assert found.before.clean == before.accuracy
    assert found.before.corrupted == pytest.approx(before.corrupted_accuracy)
    assert found.accuracies_before == tuple(row.accuracy for row in before.corruptions)
    assert found.after.clean == result.report.accuracy
    assert found.after.corrupted == pytest.approx(result.report.corrupted_accuracy)
    after = probe_run(result.folder, settings, tmp_path / "after").report
    assert after.corruptions == result.report.corruptions


def test_held_out_corruptions_are_not_trained_on(robust):
    found = robust[1].report.robustified
    assert found.held_out == ("impulse-noise", "motion-blur", "frost", "pixelate")
    assert found.trained_on
    assert not set(found.trained_on) & set(found.held_out)
    by_name = {row.name: row.accuracy for row in robust[1].report.corruptions}
    means = [by_name[name] for name in found.held_out]
    assert found.after.held_out == pytest.approx(sum(means) / 4)
    others = set(NAMES) - {*found.trained_on, *found.held_out}
    assert (found.after.others is None) == (not others)


def test_training_under_corruption_helps_against_it(robust):
    found = robust[1].report.robustified
    assert found.after.trained_on > found.before.trained_on
    assert found.images == 3 * 300


def test_the_figures_and_the_page_tell_of_it(robust):
    run, result, _ = robust
    content = json.loads((result.folder / "metrics.json").read_text())
    assert content["name"] == "out"
    assert content["robustified"]["origin"] == str(run)
    assert content["test"]["images"] == 40
    assert content["classifier"] == json.loads((run / "metrics.json").read_text())["classifier"]
    page = Page(result.folder / "probe.html")
    assert "Before and after fine-tuning" in page.text
    assert "Held out, and never trained on: impulse-noise" in page.text


def test_copies_are_under_the_corruptions_that_are_named():
    images, labels = coloured(30, 8)
    names = ("contrast", "fog")
    whole, all_labels = fine_tuning.with_copies((images, labels), names, 2, 5, CPU, lambda _: None)
    assert torch.equal(whole[:30], images)
    assert all_labels.tolist() == labels.tolist() * 3
    twice, numbers = images.repeat(2, 1, 1, 1), torch.arange(60)
    matches = torch.stack(
        [
            (corrupted(twice, name, level, 5, numbers) == whole[30:]).flatten(1).all(1)
            for name in names
            for level in range(1, 6)
        ]
    )
    assert bool(matches.any(0).all())  # each copy is one of them
    assert bool(matches.any(1).all())  # and each of them is there


@pytest.mark.parametrize("stage", ["choose", "train", "before"])
def test_nothing_is_left_where_it_is_broken_off(finished, cards, tmp_path, monkeypatch, stage):
    def stop(progress):
        if progress.stage == stage and progress.done > 0:
            raise KeyboardInterrupt

    monkeypatch.setattr(asking, "_MOST", 10)  # so that some are answered
    settings = ProbeSettings(
        data=cards(20, 1), images=20, robustify=True, tuning=BRIEF, device="cpu"
    )
    with pytest.raises(KeyboardInterrupt):
        probe_run(finished, settings, tmp_path / "out", stop)
    assert list(tmp_path.iterdir()) == []


def refused(run, out=None, **values):
    settings = ProbeSettings(robustify=True, device="cpu", images=4, **values)
    with pytest.raises(InputError) as caught:
        probe_run(run, settings, out)
    return str(caught.value)


def test_a_folder_that_is_in_use_stays_as_it_is(finished, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    assert "is not a new or empty folder" in refused(finished, tmp_path)
    assert digests(tmp_path).keys() == {"mine.txt"}


def test_a_file_is_no_run(tmp_path):
    (tmp_path / "model.onnx").write_bytes(b"x")
    assert "only a run can be fine-tuned" in refused(tmp_path / "model.onnx")


def test_a_run_on_a_dataset_needs_images_to_measure(finished, tmp_path):
    assert "give labelled ones with --data" in refused(finished, tmp_path / "out")


def test_a_run_that_bears_everything_has_nothing_to_mend(finished, cards, tmp_path, monkeypatch):
    monkeypatch.setattr(fine_tuning, "_HURTS", 2.0)
    said = refused(finished, tmp_path / "out", data=cards(8, 1))
    assert "so there is nothing to fine-tune on" in said
    assert not (tmp_path / "out").exists()


def test_a_run_of_the_embedded_model_is_trained_on_its_own_images_again(tmp_path, monkeypatch):
    tune, given = robustify.fine_tuned, []
    monkeypatch.setattr(robustify, "fine_tuned", lambda *a: given.append(a[2]) or tune(*a))
    run = Path(shutil.copytree(FIXTURE / "finished", tmp_path / "run"))
    settings = ProbeSettings(robustify=True, device="cpu", images=8, tuning=BRIEF)
    result = probe_run(run, settings)
    assert result.folder == tmp_path / "run-robust"
    assert result.report.robustified.images == 64
    assert given[0].augment == AugmentRanges()  # as training ends
    assert not result.report.is_real
    assert predict_files(result.folder, [FIXTURE / "garment.png"], "cpu")[0].class_name
