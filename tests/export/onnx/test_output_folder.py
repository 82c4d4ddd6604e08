"""The folder of an export appears whole, with the rights that the umask leaves."""

import os

import pytest

from zeroreal.export.onnx.output_folder import appearing


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_the_umask_is_respected(tmp_path, umask):
    before = os.umask(umask)
    try:
        with appearing(tmp_path / "out") as partial:
            (partial / "unet.onnx").touch()
            assert not (tmp_path / "out").exists()
    finally:
        os.umask(before)
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o777 & ~umask
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["unet.onnx"]


def test_a_failure_leaves_nothing(tmp_path):
    def fail():
        with appearing(tmp_path / "out") as partial:
            (partial / "unet.onnx").touch()
            raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        fail()
    assert list(tmp_path.iterdir()) == []
