"""What saves is not cut short by the signals that end a process, and afterwards they are heard."""

import logging
import os
import signal
import threading

import pytest

from zeroreal.base.signals import undisturbed

ENDING = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.fixture(autouse=True)
def _heard():
    """Every one of these signals ends what is done, as the command has them."""
    before = {number: signal.signal(number, signal.default_int_handler) for number in ENDING}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", ENDING)
def test_signals_wait_until_all_is_saved(number, caplog):
    saved = []
    with caplog.at_level(logging.WARNING), undisturbed("saving"):
        os.kill(os.getpid(), number)
        os.kill(os.getpid(), number)
        saved.append(1)
    assert saved == [1]
    assert "saving: this takes a moment" in caplog.text
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), number)


def test_a_signal_that_was_ignored_is_so_still():
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with undisturbed("saving"):
        os.kill(os.getpid(), signal.SIGHUP)
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN


def test_handlers_come_back_after_an_error():
    with pytest.raises(ValueError, match="no"), undisturbed("saving"):
        raise ValueError("no")
    assert signal.getsignal(signal.SIGTERM) is signal.default_int_handler


def test_other_threads_change_no_handlers():
    seen = []

    def work():
        with undisturbed("saving"):
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [signal.default_int_handler]
