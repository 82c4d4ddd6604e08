"""Malformed requests sent to a server, and what became of it."""

from __future__ import annotations

import re
import socket
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from urllib.parse import urlsplit
from urllib.request import urlopen

_PATIENCE = 0.3  # seconds for an answer to what may lack its end
_AT_ONCE = 8


def statuses(address: str, requests: Iterable[bytes]) -> Counter[str]:
    """How many requests got each status; `none` where nothing was answered, which may be right."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return Counter(pool.map(partial(_status, address), requests))


def _status(address: str, request: bytes) -> str:
    place, answer = urlsplit(address), b""
    with (
        suppress(ConnectionResetError, BrokenPipeError, TimeoutError),
        socket.create_connection((place.hostname, place.port), timeout=10) as connection,
    ):
        connection.sendall(request)
        connection.settimeout(_PATIENCE)
        while len(answer) < 2**16 and (part := connection.recv(2**16)):
            answer += part
    found = re.match(rb"HTTP/1\.[01] (\d{3}) ", answer)
    return found[1].decode() if found else "none"


def resident_memory(address: str) -> float:
    """Bytes that the server's process holds."""
    with urlopen(f"{address}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    found = re.search(r"^process_resident_memory_bytes (\S+)", text, re.MULTILINE)
    if found is None:
        raise RuntimeError("the server does not say what memory it holds")
    return float(found[1])
