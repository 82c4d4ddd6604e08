"""The timing cache's file, with a stand-in for the builder: tensorrt_rtx has no timings."""

import pytest

from zeroreal.engine.tensorrt.timings import read_timings, write_timings


class Timings:
    def __init__(self, content):
        self.content = content

    def serialize(self):
        return self.content


class Config:
    """Takes timings that begin with `timings`, as TensorRT checks its own header."""

    def create_timing_cache(self, content):
        return Timings(content) if content == b"" or content.startswith(b"timings") else None

    def set_timing_cache(self, timings, ignore_mismatch):
        assert not ignore_mismatch
        self.timings = timings


@pytest.mark.parametrize("content", [None, b"damaged"])
def test_a_build_starts_anew_without_usable_timings(tmp_path, content):
    path = tmp_path / "timings.bin"
    if content is not None:
        path.write_bytes(content)
    config = Config()
    assert read_timings(config, path) is config.timings
    assert config.timings.content == b""


def test_the_next_build_finds_what_this_one_measured(tmp_path):
    path = tmp_path / "timings" / "tensorrt.bin"
    timings = read_timings(Config(), path)
    timings.content = b"timings of a convolution"
    write_timings(timings, path)
    assert read_timings(Config(), path).content == b"timings of a convolution"
    assert [file.name for file in path.parent.iterdir()] == ["tensorrt.bin"]
