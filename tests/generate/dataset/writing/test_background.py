"""Work beside generation: in order, bounded, and ended by the first failure."""

import threading

import pytest

from zeroreal.generate.dataset.writing.background import Background


def fail(reason):
    raise OSError(reason)


def test_calls_are_made_in_order_by_one_thread():
    made, background = [], Background(2)
    for number in range(50):
        background.submit(lambda n: made.append((n, threading.current_thread().name)), number)
    background.drain()
    assert [number for number, _ in made] == list(range(50))
    assert len({name for _, name in made}) == 1
    background.close()


def test_so_many_calls_wait_and_no_more_and_the_wait_is_counted():
    background, gate = Background(2), threading.Event()
    background.submit(gate.wait)
    background.submit(gate.wait)
    assert background.waited < 0.05
    third = threading.Thread(target=background.submit, args=(gate.wait,))
    third.start()
    third.join(0.1)
    assert third.is_alive()
    gate.set()
    third.join()
    assert background.waited >= 0.1
    background.close()


def test_the_first_failure_is_raised_once_and_what_waits_is_dropped():
    made, background, gate = [], Background(8), threading.Event()
    background.submit(gate.wait)
    background.submit(fail, "first")
    background.submit(fail, "second")
    background.submit(made.append, 1)
    gate.set()
    with pytest.raises(OSError, match="first"):
        background.drain()
    background.drain()
    background.close()
    assert made == []


def test_a_failure_is_raised_by_the_next_call_that_is_submitted():
    background = Background(1)  # the second waits until the first has failed
    background.submit(fail, "first")
    background._thread.submit(lambda: None).result()
    with pytest.raises(OSError, match="first"):
        background.submit(lambda: None)
    background.close()


def test_closing_waits_for_the_call_under_way_and_drops_the_others():
    made, background, begun, gate = [], Background(4), threading.Event(), threading.Event()

    def work():
        begun.set()
        gate.wait()
        made.append("under way")

    background.submit(work)
    background.submit(made.append, "waiting")
    begun.wait()
    threading.Timer(0.05, gate.set).start()
    background.close()
    assert made == ["under way"]
