"""A lock that many share and one can have alone."""

import threading

import pytest

from zeroreal.base.readers_writer_lock import ReadersWriterLock

SOON = 0.05  # seconds in which a thread that is not held up would be there


class Taker(threading.Thread):
    """A thread that takes the lock in one way, notes it in `order`, and holds it until told."""

    def __init__(self, lock, how, order, name):
        super().__init__(daemon=True)
        self.take, self.order, self.name = getattr(lock, how), order, name
        self.has, self.may_leave = threading.Event(), threading.Event()
        self.start()

    def run(self):
        with self.take():
            self.order.append(self.name)
            self.has.set()
            self.may_leave.wait(10)

    def leave(self):
        self.may_leave.set()
        self.join(10)


@pytest.fixture
def taker():
    lock, order, made = ReadersWriterLock(), [], []

    def make(how, name=""):
        made.append(Taker(lock, how, order, name))
        return made[-1]

    make.lock, make.order = lock, order
    yield make
    for one in made:
        one.leave()


def test_many_share_it_at_once(taker):
    takers = [taker("shared") for _ in range(3)]
    assert all(one.has.wait(10) for one in takers)


@pytest.mark.parametrize("first", ["shared", "exclusive"])
def test_who_has_it_alone_has_nobody_beside(taker, first):
    second = "exclusive" if first == "shared" else "shared"
    holder = taker(first)
    assert holder.has.wait(10)
    waiting = [taker(second), taker("exclusive")]
    assert not any(one.has.wait(SOON) for one in waiting)
    holder.leave()
    for one in waiting:
        assert one.has.wait(10)
        one.leave()


def test_who_wants_it_alone_goes_before_those_that_come_later_and_in_turn(taker):
    holder = taker("shared")
    assert holder.has.wait(10)
    waiting = []
    for how, name in (("exclusive", "1"), ("exclusive", "2"), ("shared", "3")):
        waiting.append(taker(how, name))
        assert not waiting[-1].has.wait(SOON)
    for one in (holder, *waiting):
        assert one.has.wait(10)
        one.leave()
    assert taker.order[1:] == ["1", "2", "3"]


@pytest.mark.parametrize("how", ["shared", "exclusive"])
def test_a_thread_that_has_it_may_share_it_again_whoever_waits(taker, how):
    with getattr(taker.lock, how)():
        waiting = taker("exclusive")
        assert not waiting.has.wait(SOON)
        with taker.lock.shared(), taker.lock.shared():
            pass
        assert not waiting.has.wait(SOON)
    assert waiting.has.wait(10)


def test_alone_it_may_be_taken_again_but_not_by_who_shares_it(taker):
    with taker.lock.exclusive(), taker.lock.exclusive(), taker.lock.shared():
        pass
    with taker.lock.shared(), pytest.raises(RuntimeError, match="cannot be had alone"):
        taker.lock.exclusive().__enter__()
    assert taker("exclusive").has.wait(10)


def test_an_error_inside_lets_go(taker):
    for take in (taker.lock.shared, taker.lock.exclusive):
        with pytest.raises(ZeroDivisionError), take():
            1 / 0  # noqa: B018
    assert taker("exclusive").has.wait(10)
