"""The processes of the benchmark: the model alone, the server, and its clients."""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import torch

from ...run.judge import load_judge

_SERVE = """
import json, sys
from zeroreal.run import ServeSettings, serve_run
settings = ServeSettings(**json.loads(sys.argv[2]))
serve_run(sys.argv[1], settings, lambda address: print(address, flush=True))
"""
_INFER = "/v2/models/classifier/infer"
_BODIES = 16  # different ones, so that nothing is measured of a single batch alone
_Send = Callable[[bytes, dict[str, str]], Awaitable[None]]


class Alone:
    """A classifier that nobody asks over HTTP."""

    def __init__(self, path: Path, device: str) -> None:
        self._judge = load_judge(path, device)

    def side(self) -> int:
        """Of the images that it takes, in pixels."""
        return self._judge.image_size

    def seconds(self, batch: int, seconds: float) -> list[float]:
        """Of each call on `batch` images, for about `seconds`, after a few to warm up."""
        side, taken = self._judge.image_size, list[float]()
        images = torch.randint(256, (batch, side, side, 3), dtype=torch.uint8)
        for _ in range(3):
            self._judge.judge(images)
        end = time.perf_counter() + seconds
        while not taken or time.perf_counter() < end:
            began = time.perf_counter()
            self._judge.judge(images)
            taken.append(time.perf_counter() - began)
        return taken


@contextmanager
def server(path: Path, settings: dict[str, Any]) -> Iterator[str]:
    """The address of a server with these settings, in a process of its own."""
    command = [sys.executable, "-c", _SERVE, str(path), json.dumps({"port": 0, **settings})]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            address = process.stdout.readline().strip()
            if not address:
                raise RuntimeError(f"the server ended with status {process.wait()}")
            yield address
        finally:
            process.terminate()


class Clients:
    """Sends binary tensors to a server, in which nothing else takes time."""

    def __init__(self, address: str, side: int) -> None:
        self._address, self._side = address, side

    def throughput(self, clients: int, images: int, seconds: float) -> float:
        """Images a second that are answered to so many clients, each of whom asks again at once."""
        return asyncio.run(self._throughput(clients, images, seconds))

    def latencies(self, rate: float, seconds: float, seed: int) -> list[float]:
        """Seconds until the answers to requests of one image, `rate` in a second.

        They are due at random moments, and counted from then: a server that falls behind is not
        spared what it could not take yet.
        """
        return asyncio.run(self._latencies(rate, seconds, seed))

    async def _throughput(self, clients: int, images: int, seconds: float) -> float:
        async with _sender(self._address) as send:
            bodies = self._bodies(images)
            end, answered = time.perf_counter() + seconds, 0

            async def client(number: int) -> None:
                nonlocal answered
                while time.perf_counter() < end:
                    await send(*bodies[number % _BODIES])
                    number, answered = number + 1, answered + images

            began = time.perf_counter()
            await asyncio.gather(*(client(number) for number in range(clients)))
            return answered / (time.perf_counter() - began)

    async def _latencies(self, rate: float, seconds: float, seed: int) -> list[float]:
        draw, taken = random.Random(seed), list[float]()
        async with _sender(self._address) as send, asyncio.TaskGroup() as tasks:
            bodies = self._bodies(1)

            async def request(due: float, number: int) -> None:
                await send(*bodies[number % _BODIES])
                taken.append(time.perf_counter() - due)

            due, number = time.perf_counter(), 0
            end = due + seconds
            while (due := due + draw.expovariate(rate)) < end:
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                tasks.create_task(request(due, number))
                number += 1
        return taken

    def _bodies(self, images: int) -> list[tuple[bytes, dict[str, str]]]:
        """Bodies and headers of requests."""
        size = images * self._side**2 * 3
        tensor = {
            "name": "images",
            "shape": [images, self._side, self._side, 3],
            "datatype": "UINT8",
            "parameters": {"binary_data_size": size},
        }
        head = json.dumps({"inputs": [tensor], "parameters": {"binary_data_output": True}}).encode()
        headers = {"Inference-Header-Content-Length": str(len(head))}
        draw = random.Random(images)
        return [(head + draw.randbytes(size), headers) for _ in range(_BODIES)]


@asynccontextmanager
async def _sender(
    address: str,
) -> AsyncIterator[Callable[[bytes, dict[str, str]], Awaitable[None]]]:
    """Sends requests over connections that are kept; `RuntimeError` where one is not answered."""
    import aiohttp

    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(address, connector=connector) as session:

        async def send(body: bytes, headers: dict[str, str]) -> None:
            async with session.post(_INFER, data=body, headers=headers) as answer:
                found = await answer.read()
                if answer.status != 200:
                    raise RuntimeError(f"status {answer.status}: {found[:200]!r}")

        yield send
