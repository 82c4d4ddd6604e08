"""Records of entries with values that no record has, and a digest as anybody can make it."""

import hashlib
import json
import math

import pytest

from zeroreal.engine.cache import Cache
from zeroreal.engine.cache_entry import CacheKey

KEY = CacheKey("tensorrt", "unet", "a digest", {"fp16": True}, "tensorrt 10", "sm_90", None)
ABSURD = [
    (("format",), "1"),
    (("created",), "2026-01-01T00:00:00"),  # of no time zone
    (("created",), "today"),
    (("created",), [1]),
    (("key",), []),
    (("key", "kind"), 5),
    (("key", "driver"), ["580"]),
    (("key", "options"), "none"),
    (("key", "options", "fp16"), math.nan),
    (("key", "more"), 5),
    (("files",), ["engine.plan"]),
    (("files", "plan"), None),
    (("files", "plan", "bytes"), "6000"),
    (("files", "plan", "sha256"), 5),
    (("more",), {}),
]


@pytest.mark.parametrize(("place", "value"), ABSURD)
def test_a_record_is_told_with_its_field(tmp_path, place, value):
    cache = Cache(tmp_path)
    entry = cache.get(KEY, lambda folder: (folder / "plan").write_bytes(b"a plan"))
    record = json.loads((entry / "entry.json").read_text())
    del record["digest"]
    *sections, last = place
    inner = record
    for one in sections:
        inner = inner[one]
    inner[last] = value
    text = json.dumps(record, sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(text.encode()).hexdigest()
    (entry / "entry.json").write_text(json.dumps({**record, "digest": digest}))
    for (found,) in (cache.entries(), cache.verify()):
        assert f"entry.json' has {value!r} as '{'.'.join(place)}'" in found.problem
        assert found.problem.isprintable()
    assert cache.find(KEY) is None
    assert [removed.path for removed in cache.prune()] == [entry]
