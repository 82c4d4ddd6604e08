"""Requests that are none: each is refused, and the server answers others as before."""

import gzip
import re
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
from served import INFER, binary, call, error, infer_binary, raw, served

from zeroreal.benchmarks.serving.malformed import malformed_requests


def memory(port):
    return float(
        re.search(rb"^process_resident_memory_bytes (.*)", call(port, "GET", "/metrics")[2], re.M)[
            1
        ]
    )


def statuses(port, count, seed):
    """The statuses that are answered; those without an answer as None."""
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(partial(raw, port), malformed_requests(count, seed)))
    found = [re.match(rb"HTTP/1\.[01] (\d+) ", one) for one in answers]
    assert all(status or not answer for status, answer in zip(found, answers, strict=True))
    return [status and int(status[1]) for status in found]


def survived(port, images, count, seed):
    before = infer_binary(port, images)
    found = statuses(port, count, seed)
    after = infer_binary(port, images)
    for name, values in before.items():
        assert (after[name] == values).all()
    assert [one for one in found if one is not None and one >= 500] == []
    return found


def test_150_malformed_requests_change_nothing(judge, pictures, caplog):
    with served(judge) as port:
        found = survived(port, pictures(3, 32, 32), 150, 1)
    assert {400, 404, 413} <= set(found)
    assert caplog.records == []


@pytest.mark.slow
def test_1000_malformed_requests_take_no_memory(judge, pictures):
    with served(judge) as port:
        survived(port, pictures(3, 32, 32), 500, 2)
        before = memory(port)
        survived(port, pictures(3, 32, 32), 1000, 3)
        assert memory(port) - before < 50e6


def test_a_body_that_unpacks_to_too_much_is_refused(port):
    bomb = gzip.compress(bytes(200 * 2**20), 9)
    status, _, answer = call(port, "POST", INFER, bomb, {"Content-Encoding": "gzip"})
    assert (status, b"error" in answer) == (413, True)


def test_a_crowd_of_tiny_pictures_is_refused_before_they_grow(port):
    status, sentence = error(port, *binary(np.zeros((2000, 1, 1, 3), np.uint8)))
    assert (status, "2000 images" in sentence) == (413, True)
