"""A cache with one entry, and what its tests build."""

import pytest

from zeroreal.engine.cache import Cache
from zeroreal.engine.cache_entry import CacheKey

KEY = CacheKey(
    kind="tensorrt",
    name="unet",
    graph="0123abcd",
    options={"batch": [1, 8, 16], "refit": True},
    library="tensorrt_rtx 1.7.1",
    device="sm_89",
    driver="580.65",
)


FILES = {"engine.plan": b"a plan" * 1000, "weights/unet.safetensors": b"weights"}


def build(folder):
    for name, content in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)


def files_below(root):
    """All files in the cache but its locks, which stay."""
    found = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
    return {path.as_posix() for path in found if path.parts[0] != "locks"}


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path / "cache")


@pytest.fixture
def entry(cache):
    return cache.get(KEY, build)


@pytest.fixture(name="files_below", scope="session")
def _files_below():
    return files_below
