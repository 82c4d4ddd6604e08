"""Label propagation against scikit-learn and a closed form, and balanced classes by hand."""

import numpy as np
import pytest
import torch

from zeroreal.base import InputError
from zeroreal.run.decide.propagation import balance, neighbour_graph, propagate

COUNT, SIDE, NEIGHBOURS = 60, 6, 5


@pytest.fixture(scope="module")
def features():
    """Two clusters of directions."""
    generator = np.random.default_rng(0)
    middles = generator.normal(size=(2, SIDE))[np.arange(COUNT) % 2]
    return torch.tensor(middles + 0.4 * generator.normal(size=(COUNT, SIDE)))


def weights(rows):
    """The graph's weights, a pair at a time."""
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    cosines = rows @ rows.T
    found = np.zeros_like(cosines)
    for i in range(len(rows)):
        others = sorted(set(range(len(rows))) - {i}, key=lambda j: -cosines[i, j])
        for j in others[:NEIGHBOURS]:
            weight = max(cosines[i, j], 0) ** 3
            found[i, j] += weight
            found[j, i] += weight
    return found


def test_the_limit_is_that_of_the_closed_form(features):
    start = np.random.default_rng(1).dirichlet([0.5, 0.5, 0.5], COUNT)
    affinity = weights(features.numpy())
    roots = np.diag(affinity.sum(1) ** -0.5)
    alpha = 0.9
    expected = (1 - alpha) * np.linalg.solve(
        np.eye(COUNT) - alpha * roots @ affinity @ roots, start
    )
    found = propagate(neighbour_graph(features, NEIGHBOURS), torch.tensor(start), alpha)
    assert np.allclose(found.numpy(), expected, atol=1e-5)


def test_a_few_labels_spread_as_by_scikit_learn(features):
    library = pytest.importorskip("sklearn.semi_supervised")
    labels = np.full(COUNT, -1)
    labels[:4] = [0, 1, 0, 1]
    spread = library.LabelSpreading(
        kernel=lambda rows, _: weights(rows), alpha=0.8, max_iter=1000, tol=1e-9
    ).fit(features.numpy(), labels)
    start = torch.zeros(COUNT, 2, dtype=torch.float64)
    start[range(4), [0, 1, 0, 1]] = 1
    found = propagate(neighbour_graph(features, NEIGHBOURS), start, 0.8)
    shares = found / found.sum(1, keepdim=True)
    assert np.allclose(shares.numpy(), spread.label_distributions_, atol=1e-4)
    assert shares.argmax(1).tolist() == [0, 1] * (COUNT // 2)


def test_blocks_of_images_make_the_same_graph(features, monkeypatch):
    whole = neighbour_graph(features, NEIGHBOURS).to_dense()
    monkeypatch.setattr("zeroreal.run.decide.propagation._AT_ONCE", 7)
    assert torch.allclose(neighbour_graph(features, NEIGHBOURS).to_dense(), whole)


def test_an_image_that_is_near_none_keeps_its_own_probabilities():
    features = torch.tensor([[1.0, 0.0], [1.0, 0.1], [-1.0, 0.0]])
    graph = neighbour_graph(features, 10)
    start = torch.tensor([[0.9, 0.1], [0.5, 0.5], [0.2, 0.8]]).double()
    found = propagate(graph, start, 0.8)
    shares = found / found.sum(1, keepdim=True)
    assert shares[2].tolist() == pytest.approx([0.2, 0.8])
    assert shares[1, 0] > 0.6


def test_balanced_classes_are_equally_frequent_and_odds_within_images_are_scaled_alike():
    shares = torch.tensor(np.random.default_rng(2).dirichlet([4, 1, 1], 90))
    found = balance(shares)
    assert found.sum(1).tolist() == pytest.approx([1.0] * 90)
    assert found.mean(0).tolist() == pytest.approx([1 / 3] * 3, rel=0.01)
    # Each class's factor, against the first's, is the same for all images.
    factors = (found / shares) / (found / shares)[:, :1]
    assert torch.allclose(factors, factors[:1].expand_as(factors))


def test_what_is_balanced_stays_as_it_is():
    shares = torch.tensor([[0.7, 0.3], [0.3, 0.7]]).double()
    assert torch.allclose(balance(shares), shares)


def test_fewer_images_than_classes_cannot_be_balanced():
    with pytest.raises(InputError, match="fewer images, 2, than classes, 3: give at least one"):
        balance(torch.full((2, 3), 1 / 3))


def test_answers_without_doubt_that_are_not_balanced_are_refused(monkeypatch):
    monkeypatch.setattr("zeroreal.run.decide.propagation._ROUNDS", 1)
    shares = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.6, 0.4]])
    with pytest.raises(InputError, match="cannot be brought to that: leave --balanced out"):
        balance(shares)
