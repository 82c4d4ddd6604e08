"""Ranking candidates by what they cover in equal time."""

import pytest
import torch
from scipy.stats import spearmanr

from zeroreal.encoders import RealVectors
from zeroreal.run.audit.agreement import Agreement, Suspicion
from zeroreal.run.audit.figures import CandidateFigures, rank_correlation, ranked, recommended

REAL = RealVectors(torch.arange(8.0)[:, None], 1)  # balls of 1 around 0 to 7
WRONG = Suspicion("coat", "bag", 0.9, 0.1)


def figures(name, rate, images=8, suspicions=()):
    agreement = Agreement(1.0, (1.0,), {}, {}, ((1.0,),))
    return CandidateFigures(
        name, images, images, rate, agreement, 1.0, None, None, (), tuple(suspicions)
    )


SPREAD = torch.tensor([0.1, 6.9, 2.1, 4.1, 0.2, 0.3, 0.4, 0.5])[:, None]
NARROW = torch.tensor([0.1, 2.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7])[:, None]


def test_equally_fast_candidates_rank_by_what_all_their_images_cover():
    found = ranked([figures("narrow", 10.0), figures("spread", 10.0)], [NARROW, SPREAD], REAL, 2)
    assert [one.name for one in found] == ["spread", "narrow"]
    assert [one.equal_time.images for one in found] == [8, 8]
    assert [one.equal_time.coverage for one in found] == [8 / 8, 4 / 8]


def test_a_slow_candidate_has_as_many_images_as_it_makes_in_the_time():
    found = ranked([figures("spread", 2.5), figures("narrow", 10.0)], [SPREAD, NARROW], REAL, 2)
    assert {one.name: one.equal_time.images for one in found} == {"spread": 2, "narrow": 8}
    # 0.1 and 6.9 lie in the balls of 0 and 1, and of 6 and 7.
    assert {one.name: one.equal_time.coverage for one in found} == {"spread": 0.5, "narrow": 0.5}


def test_a_dataset_has_no_rank_and_comes_last():
    found = ranked([figures("photos", None), figures("narrow", 10.0)], [SPREAD, NARROW], REAL, 2)
    assert [one.name for one in found] == ["narrow", "photos"]
    assert found[1].equal_time is None
    assert recommended(found) == found[0]


def test_without_real_images_candidates_stay_as_they_were():
    given = [figures("b", 1.0), figures("a", 9.0)]
    found = ranked(given, [NARROW, SPREAD], None, 2)
    assert list(found) == given
    assert recommended(found) is None


def test_what_has_a_wrong_class_is_not_recommended():
    given = [figures("spread", 10.0, suspicions=[WRONG]), figures("narrow", 10.0)]
    found = ranked(given, [SPREAD, NARROW], REAL, 2)
    assert [one.name for one in found] == ["spread", "narrow"]
    assert recommended(found).name == "narrow"


@pytest.mark.parametrize("second", [[1, 2, 3, 4], [4, 1, 1, 9], [2, 2, 1, 0]])
def test_rank_correlation_is_spearmans(second):
    first = [0.3, 0.1, 0.8, 0.8]
    assert rank_correlation(first, second) == pytest.approx(spearmanr(first, second).statistic)


def test_no_order_has_no_correlation():
    assert rank_correlation([1, 2], [1, 2]) is None
    assert rank_correlation([1, 2, 3], [5, 5, 5]) is None
