"""Which images are kept, on hand-made vectors, and in whatever batches they came."""

from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from coloured import COLOURS, coloured

from zeroreal.base import InputError
from zeroreal.run import RunSettings
from zeroreal.run.selection.choose import chosen
from zeroreal.run.selection.select import select_in_pool
from zeroreal.run.selection.settings import SelectionSettings
from zeroreal.train import ImagePool

CPU = torch.device("cpu")
THREE = SelectionSettings("clusters:3", 0.5)


def two_tight_and_a_loose(seed=0):
    """Unit vectors, 40 of each blob in turn, and the blob of each; the last is loose."""
    generator = torch.Generator().manual_seed(seed)
    blob = torch.arange(120) % 3
    spread = torch.tensor([0.01, 0.01, 0.35])[blob]
    noise = torch.randn(120, 8, generator=generator)
    return F.normalize(torch.eye(8)[blob] + spread[:, None] * noise, dim=1), blob


def test_the_loose_blob_keeps_more_and_no_blob_is_lost():
    vectors, blob = two_tight_and_a_loose()
    rows = chosen(vectors, torch.zeros(120).long(), ["a"], THREE, seed=0)
    kept = blob[rows].bincount(minlength=3)
    assert kept.sum() == 60
    assert kept[2] > kept[:2].max() + 3
    assert kept.min() > 0


def test_of_a_cluster_the_farthest_from_its_centroid_are_kept():
    vectors = F.normalize(torch.randn(50, 8, generator=torch.Generator().manual_seed(1)) + 2, dim=1)
    rows = chosen(vectors, torch.zeros(50).long(), "a", SelectionSettings("clusters:1", 0.3), 0)
    is_kept = torch.zeros(50, dtype=torch.bool).index_fill_(0, rows, True)
    cosines = vectors @ F.normalize(vectors.sum(0), dim=0)
    assert is_kept.sum() == 15
    assert cosines[is_kept].max() < cosines[~is_kept].min()


@pytest.mark.parametrize(("share", "kept"), [(0.5, [20, 10, 15]), (0.25, [10, 5, 8]), (1, None)])
def test_every_class_keeps_its_share_to_the_image(share, kept):
    labels = torch.tensor([0] * 40 + [1] * 20 + [2] * 30)
    vectors = F.normalize(torch.randn(90, 8, generator=torch.Generator().manual_seed(1)), dim=1)
    settings = SelectionSettings("clusters:4", share)
    rows = chosen(vectors, labels, "abc", settings, seed=0)
    assert labels[rows].bincount().tolist() == (kept or [40, 20, 30])
    assert torch.equal(rows, rows.unique())
    # Of other classes nothing is to be seen.
    own = chosen(vectors[:40], labels[:40], "abc", settings, seed=0)
    assert torch.equal(rows[labels[rows] == 0], own)


def test_another_seed_begins_with_other_centroids():
    vectors = F.normalize(torch.randn(300, 8, generator=torch.Generator().manual_seed(1)), dim=1)
    labels = torch.zeros(300).long()
    found = [chosen(vectors, labels, "a", THREE, seed).tolist() for seed in (0, 0, 1)]
    assert found[0] == found[1] != found[2]


def test_more_clusters_than_images_are_refused():
    with pytest.raises(InputError, match="class 'b' has 2 images: ask for 2 clusters at most"):
        chosen(torch.eye(6), torch.tensor([0] * 4 + [1] * 2), "ab", THREE, seed=0)


def kept_of(order, batch):
    """The samples that are kept of pictures that came in this order and in batches."""
    images, labels = coloured(120, 16)
    pool = ImagePool(120, 16, CPU)
    for part in torch.tensor(order).split(batch):
        pool.add(images[part], labels[part].tolist(), part.tolist())
    settings = SelectionSettings("clusters:5", 0.4, "embedded")
    parts = SimpleNamespace(
        settings=RunSettings(selection=settings),
        pool=pool,
        names=tuple(COLOURS),
        feed=pool,
        plan=[SimpleNamespace(domain="dark" if i < 60 else "light") for i in range(120)],
    )
    return select_in_pool(parts), pool.samples_written()


def test_neither_batches_nor_the_order_of_images_matter():
    figures, samples = kept_of(range(120), 120)
    again = kept_of(torch.randperm(120, generator=torch.Generator().manual_seed(5)).tolist(), 7)
    assert again == (figures, samples)
    assert len(samples) == 48
    assert {str(one) for one in figures.by_class.values()} == {"12 of 30"}
    dark = sum(sample < 60 for sample in samples)
    assert str(figures.by_domain["dark"]) == f"{dark} of 60"
    assert figures.text == (
        f"kept 48 of 120 images by clusters:5 of embedded: 12 of 30 of each class, "
        f"dark {dark} of 60, light {48 - dark} of 60"
    )
