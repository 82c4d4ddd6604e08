"""Fréchet means and the figures of distances, by hand and by the published formula."""

import json

import numpy as np
import pytest
import torch

from zeroreal.base import InputError
from zeroreal.encoders import load_encoder
from zeroreal.run.decide.figures import distance_figures
from zeroreal.run.decide.metric import TextDistances, frechet_means, load_metric
from zeroreal.run.decide.settings import DecideSettings
from zeroreal.run.decide.tree import ClassTree

CLASSES = ("cat", "dog", "car", "bus")


@pytest.fixture
def tree(tmp_path):
    path = tmp_path / "tree.json"
    content = {"animal": {"pet": ["cat", "dog", "hamster"]}, "vehicle": ["car", "bus"]}
    path.write_text(json.dumps(content))
    return ClassTree(path, CLASSES, CLASSES)


def test_the_mean_leaves_a_likeliest_class_that_stands_alone(tree):
    # From a pet to a vehicle are 5 edges: of car it is .6 * 25, of cat .2 * 4 + .4 * 25 and so on.
    shares = torch.tensor([[0.3, 0.3, 0.4, 0.0], [0.05, 0.05, 0.5, 0.4], [0.0, 1.0, 0.0, 0.0]])
    assert shares.argmax(1).tolist() == [2, 2, 1]
    assert frechet_means(shares, tree).tolist() == [0, 2, 1]


def test_a_class_that_the_classifier_lacks_may_be_the_mean():
    # On a line at 0, 2 and 1: the middle has the least squares.
    line = TextDistances("line", ("left", "right", "middle"), torch.tensor([[0.0], [2.0], [1.0]]))
    shares = torch.tensor([[0.5, 0.5], [0.7, 0.3], [0.8, 0.2]])
    assert frechet_means(shares, line).tolist() == [2, 2, 0]


def test_means_are_those_of_the_published_formula(tree):
    generator = np.random.default_rng(0)
    shares = generator.dirichlet([0.3] * 4, 700)
    # Path lengths by hand: rows are the classifier's classes, the last column is the hamster.
    lengths = np.array([[0, 2, 5, 5, 2], [2, 0, 5, 5, 2], [5, 5, 0, 2, 5], [5, 5, 2, 0, 5]])
    expected = np.argmax(-shares @ lengths**2, axis=1)
    found = frechet_means(torch.tensor(shares), tree)
    assert found.tolist() == expected.tolist()
    assert (expected != shares.argmax(1)).sum() > 10


def test_where_all_are_equally_far_it_is_the_likeliest_class(tmp_path):
    (tmp_path / "star.json").write_text(json.dumps([*CLASSES, "horse"]))
    star = ClassTree(tmp_path / "star.json", CLASSES, CLASSES)
    shares = torch.rand(100, 4, generator=torch.Generator().manual_seed(0)).softmax(1)
    assert frechet_means(shares, star).tolist() == shares.argmax(1).tolist()


def test_figures_of_distances_by_hand(tree):
    truth = torch.tensor([0, 0, 0, 2, 4])
    decided = torch.tensor([0, 1, 2, 3, 2])  # right, sibling, 5 away, sibling, 5 away
    found = distance_figures(decided, truth, tree)
    assert found.mean_squared == pytest.approx((0 + 4 + 25 + 4 + 25) / 5)
    assert found.mean == pytest.approx(14 / 5)
    assert found.mistake_severity == pytest.approx(14 / 4)
    assert found.sibling_mistakes == pytest.approx(2 / 4)
    # Animal or vehicle: all but the third and the fifth; then pet, at which vehicles have ended.
    assert found.levels == pytest.approx((3 / 5, 2 / 5, 1 / 5))


def test_without_mistakes_they_have_no_severity(tree):
    found = distance_figures(torch.tensor([1, 4]), torch.tensor([1, 4]), tree)
    assert (found.mean, found.mistake_severity, found.sibling_mistakes) == (0, None, None)


def test_texts_are_as_far_as_their_vectors_are():
    classes, prompts = ("t-shirt", "coat", "sandal"), ("t-shirt/top", "coat", "sandal")
    metric = load_metric(DecideSettings(label_metric="text"), classes, prompts, "cpu")
    assert metric.labels == classes
    encoder = load_encoder("embedded", torch.device("cpu"))
    vectors = encoder.embed_texts([f"a photo of a {prompt}" for prompt in prompts]).double()
    expected = torch.cdist(vectors, vectors)
    for row in range(3):
        found = metric.between(torch.tensor([row]), torch.arange(3))
        assert found.tolist() == pytest.approx(expected[row].tolist(), abs=1e-6)
    assert metric.are_siblings(torch.tensor([0]), torch.tensor([1])) is None
    assert metric.agreement(torch.tensor([0]), torch.tensor([1])) is None
    # Among unit vectors, the mean is the one of the largest product with the mean vector.
    shares = torch.rand(50, 3, generator=torch.Generator().manual_seed(0)).double().softmax(1)
    nearest = ((shares @ vectors) @ vectors.T).argmax(1)
    assert frechet_means(shares, metric).tolist() == nearest.tolist()


def test_the_encoder_that_ships_knows_no_other_classes():
    with pytest.raises(InputError, match="knows the embedded model's ten garments and not 'cat"):
        load_metric(DecideSettings(label_metric="text"), CLASSES, CLASSES, "cpu")


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"encoder": "embedded"}, "encoder 'embedded' was given, and no label metric that needs"),
        (
            {"encoder": "x", "label_metric": "tree.json"},
            "encoder 'x' was given, and no label metric",
        ),
        ({"neighbours": 3}, "neighbours is 3, and nothing uses a graph: add --transductive"),
        ({"neighbours": 0, "transductive": True}, "neighbours is 0: at least 1 is needed"),
    ],
)
def test_settings_that_mean_nothing_are_refused(settings, complaint):
    with pytest.raises(InputError, match=complaint):
        DecideSettings(**settings)
