"""Joining, limits, and the end of a server."""

import json
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from importlib import util

import numpy as np
import pytest
import torch
from served import INFER, QUIET, asked, binary, call, error, infer, infer_binary, served
from small_runs import script_environment
from typer.testing import CliRunner

from zeroreal.base import InputError
from zeroreal.cli.main import app
from zeroreal.run import ServeSettings, predict_files
from zeroreal.run.judge import Judge
from zeroreal.run.serve.server import listening_at


def until(condition):
    """Wait for what another thread does."""
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_a_file_is_judged_as_predict_does(port, run_folder, garment):
    (expected,) = predict_files(run_folder, [garment], "cpu")
    status, _, answer = call(port, "POST", "/predict", garment.read_bytes())
    found = json.loads(answer)
    assert status == 200
    assert found == {"class_name": expected.class_name, "probability": expected.probability}


@pytest.mark.parametrize("body", [b"", b"no picture", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_picture_is_refused(port, body):
    status, sentence = error(port, body, path="/predict")
    assert (status, "no known image format" in sentence) == (400, True)


def test_requests_that_are_joined_get_the_answers_they_get_alone(judge, pictures):
    requests = [pictures(1 + number % 3, 32, 32 + number % 2) for number in range(12)]
    with served(judge, replace(QUIET, max_batch=8, deadline=100)) as port:
        with ThreadPoolExecutor(12) as pool:
            joined = list(pool.map(lambda one: infer_binary(port, one), requests))
        metrics = call(port, "GET", "/metrics")[2].decode()
    batches = float(metrics.split("zeroreal_batch_images_count ")[1].split()[0])
    assert batches < len(requests)
    with served(judge, replace(QUIET, max_batch=1, deadline=0)) as port:
        for one, found in zip(requests, joined, strict=True):
            alone = infer(port, one)
            assert found["probabilities"] == pytest.approx(alone["probabilities"], abs=1e-5)


def test_joined_requests_get_their_own_rejections():
    def judge(images):
        return torch.full((len(images), 2), 0.5), (images.float().mean((1, 2, 3)) < 9).tolist()

    levels = [[0], [99, 0], [99], [0, 99, 99], [99, 0]]
    requests = [np.array(some, np.uint8).repeat(48).reshape(-1, 4, 4, 3) for some in levels]
    with (
        served(
            Judge(("a", "b"), ("a", "b"), 4, torch.device("cpu"), judge),
            replace(QUIET, max_batch=9, deadline=5000),
        ) as port,
        ThreadPoolExecutor(5) as pool,
    ):
        found = [one["rejected"].tolist() for one in pool.map(partial(infer, port), requests)]
        assert found == [[level == 0 for level in some] for some in levels]
        assert b"zeroreal_batch_images_count 1.0" in call(port, "GET", "/metrics")[2]


def test_batches_are_full_at_most_and_wait_no_longer_than_the_deadline(held, pictures):
    with served(held.judge, replace(QUIET, max_batch=4, deadline=50)) as port:
        held.sizes.clear()
        began = time.monotonic()
        infer(port, pictures(1, 4, 4))
        assert 0.04 < time.monotonic() - began < 5
        infer(port, pictures(9, 4, 4))
        assert held.sizes == [1, 4, 4, 1]


def test_a_queue_that_is_full_says_when_to_come_again(held, pictures):
    with (
        served(held.judge, replace(QUIET, max_batch=2, queue=4, deadline=0)) as port,
        ThreadPoolExecutor(2) as pool,
    ):
        held.hold()
        first = pool.submit(infer, port, pictures(2, 4, 4))
        until(held.begun.is_set)
        second = pool.submit(infer, port, pictures(1, 4, 4))
        until(lambda: b"waiting_images 3.0" in call(port, "GET", "/metrics")[2])
        body = json.dumps(asked(pictures(2, 4, 4)))
        status, headers, answer = call(port, "POST", INFER, body)
        assert (status, headers["Retry-After"]) == (503, "1")
        assert "3 images are waiting and 4 may" in json.loads(answer)["error"]
        held.go.set()
        assert [len(one.result()["scores"]) for one in (first, second)] == [2, 1]
        assert len(infer(port, pictures(2, 4, 4))["scores"]) == 2


def test_more_than_the_limits_is_refused(held, pictures, garment):
    limits = replace(QUIET, max_batch=4, queue=4, max_request=2000, max_image_pixels=100)
    with served(held.judge, limits) as port:
        for images, what in ((pictures(5, 4, 4), "5 images"), (pictures(1, 11, 10), "11 x 10")):
            status, sentence = error(port, *binary(images))
            assert (status, what in sentence) == (413, True)
        image = garment.read_bytes()[:1500]
        status, sentence = error(port, image, path="/predict")
        assert (status, "the limit is 100" in sentence) == (413, True)
        status, sentence = error(port, bytes(2001))
        assert (status, "at most 2,000" in sentence) == (413, True)
        pieces = iter([bytes(1500), bytes(1500)])  # no length is told
        assert call(port, "POST", INFER, pieces)[0] == 413


def test_a_body_that_does_not_come_is_not_waited_for_long(held):
    begun = f"POST {INFER} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{{"
    with (
        served(held.judge, replace(QUIET, patience=0.2)) as port,
        socket.create_connection(("127.0.0.1", port), timeout=10) as slow,
    ):
        slow.sendall(begun.encode())
        assert slow.recv(4096).startswith(b"HTTP/1.1 408")


def test_a_classifier_that_fails_is_told_and_serves_on(held, pictures, caplog):
    with served(held.judge, QUIET) as port:
        held.go.clear()
        held.go.wait = lambda patience: False
        status, sentence = error(port, json.dumps(asked(pictures(1, 4, 4))))
        assert (status, sentence) == (500, "the classifier failed")
        held.go.wait = lambda patience: True
        assert len(infer(port, pictures(1, 4, 4))["scores"]) == 1


PROGRAM = """
import sys, time
from zeroreal.cli.main import main
from zeroreal.run.judge import Judge
from zeroreal.run.serve import server
import torch

def judge(images):
    if images.any():
        print("judging", flush=True)
        time.sleep(0.5)
    return torch.full((len(images), 2), 0.5), [None] * len(images)

NAMES = ("a", "b")
server.load_judge = lambda path, device: Judge(NAMES, NAMES, 4, torch.device("cpu"), judge)
sys.argv = ["zeroreal", "serve", "none", "--port", "0"]
for _ in range(2):
    try:
        main()
    except SystemExit as end:
        print(end.code, file=sys.stderr, flush=True)
"""
SAID = {signal.SIGINT: ["interrupted\n", "130\n"], signal.SIGTERM: ["0\n"]}


def test_what_is_under_way_is_answered_before_a_signal_ends_it():
    with (
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=script_environment(),
        ) as process,
        ThreadPoolExecutor(1) as pool,
    ):
        for number, said in (
            (signal.SIGINT, ["interrupted\n", "130\n"]),
            (signal.SIGTERM, ["0\n"]),
        ):
            port = int(process.stderr.readline().split(" answers")[0].rsplit(":", 1)[1])
            answer = pool.submit(infer, port, np.full((1, 4, 4, 3), 9, np.uint8))
            assert process.stdout.readline() == "judging\n"
            process.send_signal(number)
            assert answer.result()["probabilities"].tolist() == [[0.5, 0.5]]
            assert [process.stderr.readline() for _ in said] == said
            with pytest.raises(ConnectionRefusedError):
                call(port, "GET", "/v2")
        assert (process.wait(20), process.stderr.read()) == (0, "")


def test_a_port_that_is_taken_is_one_sentence(port, run_folder):
    with pytest.raises(InputError, match=f"port {port} of '127.0.0.1' cannot be had"):
        listening_at("127.0.0.1", port)
    with pytest.raises(InputError, match="has no address"):
        listening_at("no such host", 0)


def test_missing_libraries_are_one_sentence(monkeypatch, run_folder):
    from zeroreal.run.serve import server

    find = util.find_spec
    monkeypatch.setattr(server, "find_spec", lambda name: None if name == "aiohttp" else find(name))
    done = CliRunner().invoke(app, ["serve", str(run_folder)])
    assert isinstance(done.exception, InputError)
    assert str(done.exception).endswith("pip install 'zeroreal[serve]'")


@pytest.mark.parametrize(
    "wrong",
    [{"port": -1}, {"deadline": float("nan")}, {"max_batch": 0}, {"name": "a/b"}, {"queue": 2}],
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        ServeSettings(**wrong)
