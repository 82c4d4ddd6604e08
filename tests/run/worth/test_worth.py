"""What a small run's images are worth, and what is kept, said and refused."""

import json
import math
import shutil

import numpy as np
import pytest
from coloured import COLOURS, coloured
from scipy.stats import binomtest

from zeroreal.base import InputError
from zeroreal.run import RunSettings, Worth, WorthSettings, measure_worth, run
from zeroreal.run.worth import start
from zeroreal.run.worth.curve import Equivalent
from zeroreal.run.worth.worth import Point
from zeroreal.train import TrainSettings


@pytest.fixture(scope="module")
def cards(tmp_path_factory, write_dataset):
    """A function that writes pictures of colours as folders of classes."""

    def write(count, seed):
        folder = tmp_path_factory.mktemp("cards") / "cards"
        return write_dataset(folder, "folders", *coloured(count, 16, seed), list(COLOURS))

    return write


@pytest.fixture(scope="module")
def tested(cards):
    return cards(40, 1)


@pytest.fixture(scope="module")
def finished(tmp_path_factory, cards, tested):
    train = TrainSettings(epochs=3, batch_size=32)
    settings = RunSettings(images=cards(120, 0), data=tested, device="cpu", train=train)
    return run(settings, tmp_path_factory.mktemp("runs") / "run").folder


@pytest.fixture(scope="module")
def real(cards):
    return cards(240, 2)


@pytest.fixture
def own_run(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "run")


def settings(real, **changes):
    return WorthSettings(**{"data": real, "least": 4, "trainings": 2, "device": "cpu", **changes})


@pytest.fixture(scope="module")
def measured(finished, real, tmp_path_factory):
    folder = shutil.copytree(finished, tmp_path_factory.mktemp("worth") / "run")
    return folder, measure_worth(folder, settings(real))


def test_the_curve_is_of_trainings_as_long_as_the_runs(measured):
    folder, found = measured
    assert found.synthetic == 120
    assert found.updates == math.ceil(120 * 3 / 32)
    assert found.tested == 120  # half of 240
    assert found.points[0].images == 4 * len(COLOURS)
    sizes = [point.images for point in found.points]
    doubled = [4 * len(COLOURS) * 2**number for number in range(len(sizes))]
    assert sizes[:-1] == doubled[:-1]
    assert sizes[-1] <= doubled[-1]
    assert all(len(point.accuracies) == 2 for point in found.points)
    content = json.loads((folder / "worth.json").read_text())
    assert content["accuracy"] == found.accuracy
    assert content["sentence"] == found.sentence
    exact = binomtest(round(120 * found.accuracy), 120).proportion_ci(method="exact")
    assert content["interval"] == pytest.approx([exact.low, exact.high])
    assert [point["images"] for point in content["points"]] == [p.images for p in found.points]


def test_what_is_kept_is_not_trained_again(measured, real, monkeypatch):
    folder, found = measured
    monkeypatch.setattr(start, "Trainer", None)
    assert measure_worth(folder, settings(real)) == found


def test_a_training_that_is_damaged_is_done_again(measured, real, tmp_path):
    folder = shutil.copytree(measured[0], tmp_path / "run")
    (kept, *_) = sorted((folder / "worth").iterdir())
    content = bytearray(kept.read_bytes())
    content[-1] ^= 1  # an answer that was right is wrong, or the other way round
    kept.write_bytes(content)
    assert measure_worth(folder, settings(real)) == measured[1]


def test_it_ends_where_the_real_images_are_clearly_better(own_run, real, monkeypatch):
    monkeypatch.setattr(start._Curve, "right", lambda self, *_: np.ones(120, bool))
    monkeypatch.setattr(start, "_ENOUGH", -0.01)  # where the run is right everywhere, too
    assert len(measure_worth(own_run, settings(real)).points) == 1


def test_images_of_the_runs_test_are_refused(own_run, tested):
    with pytest.raises(InputError, match=r"40 of the 40 images of .* the run is tested on"):
        measure_worth(own_run, settings(tested))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"data": None}, "no real images were given: name labelled ones"),
        ({"least": 1000}, "half train, .* 1000 and 100 are needed"),
    ],
)
def test_too_few_images_are_refused(own_run, real, changes, said):
    with pytest.raises(InputError, match=said):
        measure_worth(own_run, settings(real, **changes))


@pytest.mark.parametrize("name", ["least", "trainings", "updates"])
def test_numbers_below_one_are_refused(name):
    with pytest.raises(InputError, match=f"{name} is 0: at least 1 is needed"):
        WorthSettings(**{name: 0})


@pytest.mark.parametrize(
    ("equivalent", "said"),
    [
        (Equivalent(912.3, 645.6, 1204.0), "about 910 real ones (95 %: 650 to 1,200)"),
        (Equivalent(0, 0, 210.0), "fewer than 200 real ones, the fewest that were tried"),
        (Equivalent(0, 0, 0), "(95 %: under 200)"),
        (Equivalent(math.inf, 1500.0, math.inf), "more than the 1,600 real ones that there were"),
        (Equivalent(math.inf, math.inf, math.inf), "(95 %: over 1,600)"),
        (Equivalent(300.0, 0, math.inf), "about 300 real ones (95 %: under 200 to over 1,600)"),
    ],
)
def test_the_sentence_says_no_more_than_is_known(equivalent, said):
    points = (Point(200, (0.7,)), Point(1600, (0.8,)))
    found = Worth(4000, 0.75, 500, "photos", 100, points, equivalent)
    assert found.sentence.startswith("4,000 synthetic images are worth ")
    assert said in found.sentence
    json.dumps(found.content(), allow_nan=False)
