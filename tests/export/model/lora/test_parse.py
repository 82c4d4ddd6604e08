"""A LoRA file and its scale as the user names them."""

import pytest

from zeroreal.export.model.lora import Lora, parse_lora


def test_a_lora_is_a_file_and_a_scale_after_the_last_colon(tmp_path):
    path = tmp_path / "a:1.safetensors"
    path.touch()
    assert parse_lora(f"{path}:0.8") == Lora(path, 0.8)
    assert parse_lora(f"{path}:-2") == Lora(path, -2)


def test_the_scale_is_1_where_none_is_given(tmp_path):
    path = tmp_path / "a.safetensors"
    path.touch()
    assert parse_lora(str(path)) == Lora(path, 1)


def test_a_missing_file_is_named(tmp_path, complaint):
    path = tmp_path / "none.safetensors"
    assert f"LoRA file {str(path)!r} does not exist" in complaint(parse_lora, f"{path}:1")


@pytest.mark.parametrize("ending", ["bin", "ckpt", "pt"])
def test_pickles_are_refused(tmp_path, ending, complaint):
    path = tmp_path / f"a.{ending}"
    path.touch()
    assert "convert it to safetensors" in complaint(parse_lora, f"{path}:1")


@pytest.mark.parametrize("scale", ["", "half", "nan", "inf", "1e999"])
def test_a_scale_that_is_no_finite_number_is_refused(tmp_path, scale, complaint):
    path = tmp_path / "a.safetensors"
    path.touch()
    assert f"scale {scale!r} of LoRA file {str(path)!r} is not" in complaint(
        parse_lora, f"{path}:{scale}"
    )
