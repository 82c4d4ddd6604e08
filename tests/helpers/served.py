"""A server in a thread of the test's process, and requests to it over loopback."""

import asyncio
import http.client
import json
import socket
import threading
from contextlib import contextmanager, suppress

import numpy as np

from zeroreal.run.serve.server import answering, listening_at
from zeroreal.run.serve.settings import ServeSettings

QUIET = ServeSettings(port=0, deadline=1.0, device="cpu")
INFER = "/v2/models/classifier/infer"
LENGTH = "Inference-Header-Content-Length"


@contextmanager
def served(judge, settings=QUIET):
    """The port at which `judge` is served meanwhile."""
    found, ended = {}, threading.Event()

    async def serve():
        found["loop"], found["stop"] = asyncio.get_running_loop(), asyncio.Event()
        async with answering(judge, settings, listening_at("127.0.0.1", 0)) as address:
            found["port"] = int(address.rsplit(":", 1)[1])
            ended.set()
            await found["stop"].wait()

    def work():
        try:
            asyncio.run(serve())
        finally:
            ended.set()

    thread = threading.Thread(target=work)
    thread.start()
    ended.wait()
    try:
        yield found["port"]
    finally:
        found["loop"].call_soon_threadsafe(found["stop"].set)
        thread.join(20)
        assert not thread.is_alive(), "the server did not end"


def call(port, method, path, body=None, headers=None):
    """Status, headers and body of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def error(port, body, headers=None, path=INFER):
    """Status and sentence of a refusal."""
    status, _, answer = call(port, "POST", path, body, headers)
    return status, json.loads(answer)["error"]


def asked(images, **more):
    """A request with the images as lists of numbers."""
    tensor = {"name": "images", "datatype": "UINT8", "shape": list(images.shape)}
    return {"inputs": [{**tensor, "data": images.ravel().tolist()}], **more}


def infer(port, images):
    """The outputs of images as JSON gives them, by name."""
    status, _, answer = call(port, "POST", INFER, json.dumps(asked(images)))
    assert status == 200, answer
    outputs = json.loads(answer)["outputs"]
    return {one["name"]: np.array(one["data"]).reshape(one["shape"]) for one in outputs}


def binary(images, outputs=(), **more):
    """Body and headers of a request with the images as bytes."""
    tensor = {"name": "images", "datatype": "UINT8", "shape": list(images.shape)}
    head = {"inputs": [{**tensor, "parameters": {"binary_data_size": images.nbytes}}], **more}
    if outputs:
        head["outputs"] = list(outputs)
    text = json.dumps(head).encode()
    return text + images.tobytes(), {LENGTH: str(len(text))}


def infer_binary(port, images):
    """The outputs of images, both as bytes, by name."""
    body, headers = binary(images, parameters={"binary_data_output": True})
    status, told, answer = call(port, "POST", INFER, body, headers)
    assert status == 200, answer
    head, rest = answer[: int(told[LENGTH])], answer[int(told[LENGTH]) :]
    kinds, found = {"FP32": "<f4", "INT64": "<i8", "BOOL": "?"}, {}
    for one in json.loads(head)["outputs"]:
        size = one["parameters"]["binary_data_size"]
        values = np.frombuffer(rest[:size], kinds[one["datatype"]])
        found[one["name"]], rest = values.reshape(one["shape"]), rest[size:]
    assert not rest
    return found


def raw(port, request, patience=0.2):
    """What is answered to bytes after which nothing follows; empty where nothing is for long."""
    parts = []
    with (
        suppress(ConnectionResetError, BrokenPipeError, TimeoutError),
        socket.create_connection(("127.0.0.1", port), timeout=10) as connection,
    ):
        connection.sendall(request)
        connection.settimeout(patience)
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts)
