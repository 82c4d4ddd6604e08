"""Files with a digest of themselves."""

import pytest
import torch
from safetensors.torch import load_file, save_file

from zeroreal.base.sealed import DamagedFileError, read_sealed, sealed

TENSORS = {"a": torch.arange(6).reshape(2, 3), "b": torch.tensor([0.5])}


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "file.safetensors"
    path.write_bytes(sealed(TENSORS, "a text, é"))
    return path


def test_text_and_tensors_come_back_and_others_can_read_them(path):
    file = read_sealed(path)
    assert file.text == "a text, é"
    for found in (file.tensors, load_file(path)):
        assert found.keys() == TENSORS.keys()
        assert all(torch.equal(found[name], value) for name, value in TENSORS.items())


def test_the_same_content_is_the_same_bytes():
    assert len({sealed(TENSORS, "a text, é") for _ in range(20)}) == 1


def test_every_changed_byte_shows_unless_it_changes_nothing(path):
    whole = path.read_bytes()
    for place in range(len(whole)):
        for change in (1, 128):
            changed = bytearray(whole)
            changed[place] ^= change
            path.write_bytes(changed)
            try:
                file = read_sealed(path)
            except DamagedFileError:
                continue
            if file.text is None:  # the header no longer says that it is one of ours
                continue
            assert file.text == "a text, é"
            for name, value in TENSORS.items():
                assert torch.equal(file.tensors[name], value), place


@pytest.mark.parametrize("size", [0, 3, 8, 60, -1])
def test_a_part_of_a_file_is_damaged(path, size):
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(DamagedFileError):
        read_sealed(path)


def test_a_tensor_without_values_is_no_harm(path):
    path.write_bytes(sealed({"none": torch.empty(0, 2)}, ""))
    assert read_sealed(path).tensors["none"].shape == (0, 2)


def test_a_file_of_others_has_no_text(path):
    save_file({"a": torch.zeros(2)}, path, {"format": "pt"})
    assert read_sealed(path).text is None


def test_a_file_that_is_not_there_is_an_error_of_the_system(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_sealed(tmp_path / "nowhere")
