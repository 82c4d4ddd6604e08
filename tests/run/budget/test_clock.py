"""The clock that ends generation, so that training on what is there keeps to the budget."""

import time

import pytest

from zeroreal.run.budget.clock import GenerationClock, Speeds, deadline_of


def speeds(train, finish):
    return Speeds(denoise=0.0, decode=0.0, train=train, load=0.0, finish=finish)


def ending(batch_seconds):
    """Images and time when the clock ended generation, in batches of 10, 0.5 s of training each."""
    now = [7.0]
    clock = GenerationClock(107.0, speeds(train=0.5, finish=10), lambda: now[0])
    images = 0
    while True:
        now[0] += batch_seconds
        images += 10
        if clock.is_over(images):
            return images, now[0] - 7.0


# A batch of 10 takes its own seconds and 5 s of training, and 90 s are left for both.
@pytest.mark.parametrize(
    ("batch_seconds", "batches"),
    [(0.5, 16), (4.0, 10), (30.0, 2), (85.0, 1), (1.0, 15), (500.0, 1)],
)
def test_generation_ends_when_training_fills_what_is_left(batch_seconds, batches):
    assert ending(batch_seconds) == (10 * batches, batches * batch_seconds)


def test_the_next_batch_is_expected_to_be_like_the_last():
    now = [0.0]
    clock = GenerationClock(100.0, speeds(train=1.0, finish=0), lambda: now[0])
    now[0] = 30.0
    assert not clock.is_over(5)  # 30 s and 5 images: the next would end at 60 s, with 10 s to train
    now[0] = 40.0
    assert not clock.is_over(25)  # 10 s and 20 images: 50 s and 45 s
    now[0] = 45.0
    assert clock.is_over(40)  # 5 s and 15 images: 50 s and 55 s


def test_a_clock_without_a_clock_of_its_own_is_the_machine_s():
    now = time.perf_counter()
    assert not GenerationClock(now + 1e6, speeds(train=0.1, finish=1)).is_over(1)
    assert GenerationClock(now - 1, speeds(train=0.1, finish=1)).is_over(1)


def test_of_a_budget_three_percent_are_kept_back():
    assert deadline_of(1000, 50) == pytest.approx(1020)
