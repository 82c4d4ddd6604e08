"""Precision fp8 where it does not exist: one sentence that says what does, and status 2."""

import pytest


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (
            ["run", "--precision", "fp8", "--device", "cpu"],
            "name engine 'torch:compiled' or 'tensorrt', on a GPU",
        ),
        (
            ["run", "--precision", "fp8", "--engine", "torch:compiled", "--device", "cpu"],
            "'cpu' has fp32 and bf16",
        ),
        (["run", "--precision", "fp8", "--engine", "onnxruntime"], "has fp32 and fp16"),
        (["run", "--engine", "torch:simulated", "--device", "cpu"], "give --precision fp8"),
        (["run", "--amp", "fp8"], "choose from auto, fp32, bf16, fp16"),
        (["distil", "--precision", "fp8", "--out", "nowhere"], "changes what a teacher teaches"),
    ],
)
def test_what_has_no_fp8_says_what_it_has(command, tmp_path, monkeypatch, arguments, complaint):
    monkeypatch.chdir(tmp_path)
    done = command(*arguments)
    assert done.returncode == 2, done.stderr
    assert complaint in done.shown
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []
