"""Forming batches: every sample once, of one kind while there are enough of it."""

from zeroreal.generate.plan.samples import SampleSpec
from zeroreal.generate.sampling.batches import BatchQueue, Draft


def specs(*guidance):
    return [
        SampleSpec(index, 0, f"prompt {index}", "", scale, seed=1000 + index)
        for index, scale in enumerate(guidance)
    ]


def taken(queue, size):
    batches = []
    while drafts := queue.take(size):
        batches.append([draft.spec.index for draft in drafts])
    return batches


def test_full_batches_hold_images_with_guidance_or_images_without():
    queue = BatchQueue(specs(7.5, 1.0, 7.5, 1.0, 2.0, 1.0, 3.0, 1.0, 1.0))
    batches = [queue.take(2) for _ in range(4)]
    kinds = [{draft.spec.guidance > 1 for draft in batch} for batch in batches]
    assert all(len(kind) == 1 for kind in kinds)
    assert [len(batch) for batch in batches] == [2, 2, 2, 2]
    assert [draft.spec.index for draft in queue.take(2)] == [8]
    assert queue.take(2) == []


def test_what_is_left_of_both_kinds_shares_the_last_batches():
    batches = taken(BatchQueue(specs(7.5, 1.0, 7.5, 1.0, 7.5, 1.0)), 4)
    assert sorted(index for batch in batches for index in batch) == list(range(6))
    assert [len(batch) for batch in batches] == [4, 2]


def test_every_sample_comes_once_whatever_the_sizes():
    scales = [1.0 if number % 3 else 7.5 for number in range(100)]
    queue = BatchQueue(specs(*scales))
    found = []
    for size in [16, 16, 5, 1, 3, *[16] * 100]:
        found += [draft.spec.index for draft in queue.take(size)]
    assert sorted(found) == list(range(100))


def test_samples_are_read_a_few_batches_ahead_and_told_once():
    read = []
    endless = (spec for spec in specs(*[7.5] * 1000))
    queue = BatchQueue(endless, lambda seen: read.append(len(seen)))
    queue.take(4)
    assert 4 <= sum(read) < 100
    assert next(endless).index == sum(read)


def test_what_was_put_back_comes_next():
    queue = BatchQueue(specs(*[7.5] * 6))
    first = queue.take(4)
    queue.put_back(first)
    assert queue.take(2) + queue.take(2) == first


def test_a_draft_s_second_attempt_has_other_noise_of_its_own():
    one, other = specs(7.5, 7.5)
    seeds = [Draft(one).seed, Draft(one).again("blank").seed, Draft(other).again("blank").seed]
    assert seeds[0] == one.seed
    assert len(set(seeds)) == 3
    assert Draft(one).again("blank").seed == Draft(one).again("blank").seed
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_a_draft_tells_why_each_attempt_before_it_was_rejected():
    (spec,) = specs(7.5)
    third = Draft(spec).again("blank").again("duplicate")
    assert (Draft(spec).attempt, Draft(spec).reasons) == (0, ())
    assert (third.attempt, third.reasons) == (2, ("blank", "duplicate"))
