"""Sorting batches: what filters are shown and told, and what becomes of every draft."""

import torch

from zeroreal.generate import Quality, SampleSpec
from zeroreal.generate.filters.inspection import Inspection
from zeroreal.generate.filters.pictures import FAULTS
from zeroreal.generate.sampling.batches import Draft
from zeroreal.generate.sampling.decoder import Decoded


def drafts(*reasons):
    """Samples 0, 1, ... of class 10 + index, after attempts that were rejected for `reasons`."""
    return [
        Draft(SampleSpec(n, 10 + n, "", "", 1.0, seed=100 + n), before)
        for n, before in enumerate(reasons)
    ]


def inspect(given, filters=(), faults=None, done=(), most_attempts=2):
    """Sort drafts whose images are of the colours 0, 1, ...."""
    count = len(given)
    colours = torch.arange(count, dtype=torch.uint8)[:, None, None, None].expand(-1, 4, 4, 3)
    found = torch.tensor([FAULTS.index(fault) for fault in faults or [""] * count])
    labels = torch.tensor([draft.spec.label for draft in given])
    inspection = Inspection(Quality(filters, most_attempts), done, torch.device("cpu"))
    return inspection(given, Decoded(colours, found, None), labels)


def indices(parts):
    return [part.spec.index for part in parts]


def test_without_a_fault_or_a_filter_the_batch_is_handed_over_as_it_is():
    found = inspect(drafts((), ("blank",), ()))
    assert [spec.index for spec in found.finished.specs] == [0, 1, 2]
    assert found.finished.rejections == ((), ("blank",), ())
    assert found.finished.kept_despite == ("", "", "")
    assert found.finished.seeds[::2] == (100, 102)
    assert found.finished.seeds[1] not in (100, 101, 102)
    assert found.again == found.left_out == []


def test_what_is_no_picture_is_made_again_and_left_out_after_its_last_attempt():
    found = inspect(drafts((), ("nan",), (), ("duplicate",)), faults=["blank", "nan", "", "blank"])
    assert [(draft.spec.index, draft.reasons) for draft in found.again] == [(0, ("blank",))]
    left_out = [(draft.spec.index, draft.reasons) for draft in found.left_out]
    assert left_out == [(1, ("nan", "nan")), (3, ("duplicate", "blank"))]
    assert found.finished.images[:, 0, 0, 0].tolist() == [2]
    assert found.finished.labels.tolist() == [12]


def test_what_a_filter_rejects_is_made_again_and_kept_after_its_last_attempt(rejecting):
    dull = rejecting("dull", 1, 2)
    found = inspect(drafts((), (), ("blank",), ()), (dull,))
    assert [(draft.spec.index, draft.reasons) for draft in found.again] == [(1, ("dull",))]
    assert found.left_out == []
    assert found.finished.images[:, 0, 0, 0].tolist() == [0, 2, 3]
    assert found.finished.rejections == ((), ("blank",), ())
    assert found.finished.kept_despite == ("", "dull", "")


def test_attempts_are_as_many_as_are_allowed(rejecting):
    given = drafts((), ("dull",), ("dull", "dull"))
    found = inspect(given, (rejecting("dull", 0, 1, 2),), most_attempts=3)
    assert indices(found.again) == [0, 1]
    assert found.finished.kept_despite == ("dull",)
    found = inspect(given[:1], (rejecting("dull", 0),), most_attempts=1)
    assert found.finished.kept_despite == ("dull",)


def test_filters_are_shown_pictures_that_are_wanted_and_that_no_filter_before_rejected(rejecting):
    first, second = rejecting("first", 1, 3), rejecting("second", 4)
    faults = ["", "", "nan", "", "", ""]
    found = inspect(drafts(*[()] * 6), (first, second), faults, done={5})
    assert first.told[:2] == ["begin", ([0, 1, 3, 4], [10, 11, 13, 14])]
    assert second.told[:2] == ["begin", ([0, 4], [10, 14])]
    assert [draft.reasons for draft in found.again] == [
        ("first",),
        ("nan",),
        ("first",),
        ("second",),
    ]


def test_filters_are_told_what_is_handed_over_in_the_end(rejecting):
    """Sample 1 by a later filter's leave, 2 in spite of the first filter, and 3 of the second."""
    first, second = rejecting("first", 2), rejecting("second", 0, 3)
    inspect(drafts((), (), ("nan",), ("nan",)), (first, second))
    assert first.told[-1] == [False, True, True, True]
    assert second.told[1:] == [([0, 1, 3], [10, 11, 13]), [False, True, True]]


def test_a_filter_is_not_asked_about_nothing(rejecting):
    dull = rejecting("dull")
    inspect(drafts((), ()), (dull,), faults=["nan", "blank"])
    assert dull.told == ["begin"]
