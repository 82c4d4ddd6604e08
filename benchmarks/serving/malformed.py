"""Requests that are none: damaged on every level, from HTTP's own words to the tensors' bytes."""

from __future__ import annotations

import json
import random
import string
from collections.abc import Callable, Iterator
from typing import Any

_LENGTH = "Inference-Header-Content-Length"
_ODD: tuple[Any, ...] = (
    None, True, -1, 0, 2**31, 2**63, 10**400, 1e308, 0.5, "", "\x00", "images", "\ud800", [], {},
    [[]], [None], {"a": {}}, "9" * 5000, ["x"] * 50,
)  # fmt: skip


def malformed_requests(count: int, seed: int = 0) -> Iterator[bytes]:
    """`count` requests as bytes, all of which a server must refuse or answer, and survive."""
    random_ = random.Random(seed)
    for number in range(count):
        yield _KINDS[number % len(_KINDS)](random_)


def _request(
    body: bytes,
    headers: dict[str, str] | None = None,
    path: str = "/v2/models/classifier/infer",
    method: str = "POST",
    length: object = None,
) -> bytes:
    all_headers = {
        "Host": "localhost",
        "Content-Length": str(len(body) if length is None else length),
        "Connection": "close",
        **(headers or {}),
    }
    lines = [f"{method} {path} HTTP/1.1", *(f"{k}: {v}" for k, v in all_headers.items()), "", ""]
    return "\r\n".join(lines).encode("latin-1", "replace") + body


def _content(binary: bool = False) -> dict[str, Any]:
    one: dict[str, Any] = {"name": "images", "shape": [1, 2, 2, 3], "datatype": "UINT8"}
    one |= {"parameters": {"binary_data_size": 12}} if binary else {"data": list(range(12))}
    return {"id": "1", "inputs": [one], "outputs": [{"name": "scores", "parameters": {}}]}


def _text(content: Any) -> bytes:
    return json.dumps(content).encode()


def _bytes(random_: random.Random) -> bytes:
    """What is no HTTP at all."""
    return random_.randbytes(random_.randrange(1, 400))


def _damaged(random_: random.Random) -> bytes:
    """A good request with some bytes changed, anywhere, or cut off."""
    body = _text(_content(True))
    good = bytearray(_request(body + bytes(12), {_LENGTH: str(len(body))}))
    for _ in range(random_.randrange(1, 8)):
        good[random_.randrange(len(good))] = random_.randrange(256)
    return bytes(good[: random_.randrange(1, len(good) + 1)])


def _field(random_: random.Random) -> bytes:
    """Valid JSON with an odd value somewhere."""
    content = _content(random_.random() < 0.3)
    place: Any = content
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = random_.choice(keys)
        if isinstance(place[key], dict | list) and place[key] and random_.random() < 0.7:
            place = place[key]
            continue
        place[key] = random_.choice(_ODD)
        return _request(_text(content))


def _shape(random_: random.Random) -> bytes:
    """Shapes that promise more, or other, than there is."""
    content = _content(random_.random() < 0.5)
    sizes = (0, 1, 2, 3, -3, 255, 10**6, 2**32, 2**62, 10**30)
    shape = [random_.choice(sizes) for _ in range(random_.randrange(7))]
    content["inputs"][0]["shape"] = shape if random_.random() < 0.5 else [*shape[:3], 3]
    return _request(_text(content))


def _lengths(random_: random.Random) -> bytes:
    """Lengths that are wrong: of the body, of its JSON, of the tensor."""
    content = _content(True)
    odd = ("-1", "0", "1", "12", "1e9", "0x10", "9" * 40, "", "99999999", " 5", "ü", "12, 13")
    if random_.random() < 0.5:
        content["inputs"][0]["parameters"]["binary_data_size"] = random_.choice(_ODD)
    body = _text(content)
    head = random_.choice((*odd, str(len(body))))
    length = random_.choice((*odd, None, None, None))
    return _request(body + bytes(random_.randrange(30)), {_LENGTH: head}, length=length)


def _nested(random_: random.Random) -> bytes:
    """Lists and objects in each other, closed or not."""
    depth = random_.choice((99, 101, 1000, 100_000))
    begin, end = random_.choice((("[", "]"), ('{"a":', "}")))
    text = begin * depth + "1" + random_.choice((end * depth, ""))
    if random_.random() < 0.5:
        text = '{"inputs": ' + text + "}"
    return _request(text.encode())


def _no_json(random_: random.Random) -> bytes:
    """Texts that are nearly JSON, and numbers that are too long."""
    texts = (
        "", "{", "nul", "[1,]", "{'a': 1}", "NaN", "[Infinity]", "1" * 10_000, '"\ud800"', '{"a"}',
        "".join(random_.choices(string.printable, k=200)), '{"inputs": [' + "{}," * 3000 + "{}]}",
    )  # fmt: skip
    return _request(random_.choice(texts).encode(errors="surrogatepass"))


def _headers(random_: random.Random) -> bytes:
    """Headers that are odd, long, many, or say what is not so."""
    odd: tuple[dict[str, str], ...] = (
        {"Content-Encoding": "gzip"},
        {"Content-Encoding": "deflate"},
        {"Content-Encoding": "odd"},
        {"Transfer-Encoding": "chunked"},
        {"Expect": "100-continue"},
        {"Expect": "odd"},
        {"Content-Type": "multipart/form-data"},
        {"X": "x" * random_.choice((8000, 9000, 100_000))},
        {f"X-{number}": "x" for number in range(random_.choice((50, 2000)))},
        {"Host": "\x00"},
        {"Upgrade": "websocket", "Connection": "upgrade"},
    )
    return _request(_text(_content())[: random_.choice((1, 20, 1000))], random_.choice(odd))


def _paths(random_: random.Random) -> bytes:
    """Addresses and methods that are not there."""
    paths = (
        "/", "*", "//", "/v2/models/", "/v2/models/../../etc/passwd", "/v2/models/%00/infer",
        "/v2/models/classifier/versions/" + "1" * 3000, "/v2/models/%ff%fe", "http://other/v2",
        "/predict?" + "a=b&" * 500, "".join(random_.choices("/%.ä\x00x", k=30)),
    )  # fmt: skip
    methods = ("GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD", "TRACE", "CONNECT", "NO", "PRI")
    return _request(b"{}", path=random_.choice(paths), method=random_.choice(methods))


def _pictures(random_: random.Random) -> bytes:
    """Beginnings of pictures, one of which promises far too many pixels."""
    bodies = (
        b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + 2 * b"\x7f\xff\xff\xff" + b"\x08\x02\x00\x00\x00",
        b"\xff\xd8\xff\xe0" + random_.randbytes(50),
        b"GIF89a\xff\xff\xff\xff",
        b"BM" + b"\xff" * 60,
        b"%!PS-Adobe",
        b"RIFF\xff\xff\xff\xffWEBPVP8 ",
        random_.randbytes(2000),
    )
    return _request(random_.choice(bodies), path="/predict")


_KINDS: tuple[Callable[[random.Random], bytes], ...] = (
    _bytes,
    _damaged,
    _field,
    _shape,
    _lengths,
    _nested,
    _no_json,
    _headers,
    _paths,
    _pictures,
)
