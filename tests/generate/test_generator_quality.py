"""Images that are not good enough are made again from other noise, and nothing else changes."""

from dataclasses import replace

import pytest
import torch

from zeroreal.generate import DuplicateFilter, ImageFilter, Quality, Verdict


class RejectClass(ImageFilter):
    """Rejects the images of a class, the first `times` of them."""

    reason = "dull"

    def __init__(self, label, times):
        self.label, self.times = label, times
        self.begun = self.seen = 0

    def begin(self):
        self.begun += 1
        self.seen = 0

    def __call__(self, images, specs):
        keep = torch.ones(len(specs), dtype=torch.bool)
        for row, spec in enumerate(specs):
            if spec.label == self.label:
                keep[row] = self.seen >= self.times
                self.seen += 1
        return Verdict(keep, keep.float())


def of(batches):
    """What is told of each image, by its sample's index."""
    told = {}
    for batch in batches:
        columns = (batch.images, batch.rejections, batch.kept_despite, batch.seeds)
        for spec, *facts in zip(batch.specs, *columns, strict=True):
            assert spec.index not in told, "handed over twice"
            told[spec.index] = facts
    return told


def index_of(wanted, label):
    (index,) = (spec.index for spec in wanted if spec.label == label)
    return index


@pytest.fixture(scope="module")
def ours(generator):
    return generator(steps=2)


def test_only_what_is_rejected_is_made_again_and_from_the_noise_that_is_told(
    ours, specs, difference
):
    wanted = specs("base", 10)
    before = of(ours.generate(wanted))
    after = of(ours.generate(wanted, quality=Quality((RejectClass(2, times=1),))))
    again = index_of(wanted, 2)
    assert before.keys() == after.keys() == {spec.index for spec in wanted}
    for spec in wanted:
        image, rejections, kept_despite, seed = after[spec.index]
        assert kept_despite == ""
        assert rejections == (("dull",) if spec.index == again else ())
        assert (seed != spec.seed) == (spec.index == again)
        assert torch.equal(image, before[spec.index][0]) == (spec.index != again)
    other = next(replace(s, seed=after[again][3]) for s in wanted if s.index == again)
    assert difference(ours.images([other])[0][0], after[again][0]).max() <= 1


def test_a_filter_that_never_relents_gets_every_attempt_and_its_image_is_kept(ours, specs):
    wanted = specs("base", 10)
    never = RejectClass(4, times=99)
    told = of(ours.generate(wanted, quality=Quality((never,), most_attempts=4)))
    _, rejections, kept_despite, _ = told[index_of(wanted, 4)]
    assert never.seen == 4
    assert rejections == ("dull",) * 3
    assert kept_despite == "dull"
    assert len(told) == len(wanted)
    assert ours.rejected == ours.rejections == []


def test_filters_begin_anew_with_every_call(ours, specs):
    wanted, one = specs("base", 10), RejectClass(0, times=1)
    first, second = (of(ours.generate(wanted, quality=Quality((one,)))) for _ in range(2))
    assert one.begun == 2
    again = index_of(wanted, 0)
    assert first[again][1:] == second[again][1:]
    assert first[again][1] == ("dull",)


def test_the_same_duplicates_are_made_again_in_every_call_of_one_batch_size(ours, specs):
    """The same sample under another index, four times."""
    wanted = [replace(spec, index=n) for n, spec in enumerate(specs("base", 4) * 4)]
    quality = Quality((DuplicateFilter(),), most_attempts=3)
    first, second = (of(ours.generate(wanted, quality=quality)) for _ in range(2))
    assert sorted(first) == list(range(16))
    assert sum(facts[1][:1] == ("duplicate",) for facts in first.values()) >= 12
    assert {index: facts[1:] for index, facts in first.items()} == {
        index: facts[1:] for index, facts in second.items()
    }
    assert all(torch.equal(first[index][0], second[index][0]) for index in first)


def test_samples_that_are_done_are_not_shown_to_filters(ours, specs):
    wanted = specs("base", 10)
    one = RejectClass(5, times=99)
    done = {index_of(wanted, 5)}
    told = of(ours.generate(wanted, done, quality=Quality((one,))))
    assert one.seen == 0
    assert len(told) == 9


@pytest.mark.gpu
def test_filters_on_a_gpu_reject_what_they_reject_on_the_cpu(generator, specs):
    wanted = [replace(spec, index=n) for n, spec in enumerate(specs("base", 4) * 2)]
    on_gpu, on_cpu = (
        of(generator(device=device).generate(wanted, quality=Quality((DuplicateFilter(),))))
        for device in ("cuda", "cpu")
    )
    assert [on_gpu[n][1] for n in range(8)] == [on_cpu[n][1] for n in range(8)]
