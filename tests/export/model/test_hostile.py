"""Model folders of others whose files ask for more than there is, or are none."""

import os
import shutil
import struct

import pytest
import torch
from safetensors.torch import save_file

from zeroreal.assets import TINY_FASHION
from zeroreal.base.errors import InputError
from zeroreal.base.limits import LimitError
from zeroreal.export import check_model_folder
from zeroreal.export.model.lora_file import UNET_NAMES, read_lora_file

pytestmark = pytest.mark.usefixtures("no_hang")

WEIGHTS = "diffusion_pytorch_model.safetensors"
DEEP = "[" * 100_000


@pytest.fixture
def folder(tmp_path):
    return shutil.copytree(TINY_FASHION, tmp_path / "model")


def with_header(path, header, length=None):
    """A safetensors file of this header, which says that it has `length` bytes."""
    header = header.encode()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(header) if length is None else length) + header)
        file.truncate(2**40)


@pytest.mark.parametrize(
    "name", ["model_index.json", "unet/config.json", "tokenizer/vocab.json", "vae/other.json"]
)
def test_json_of_a_model_that_is_nested_deeply_is_a_sentence(folder, name):
    (folder / name).write_text(f'{{"a": {DEEP}')
    with pytest.raises(LimitError) as raised:
        check_model_folder(folder)
    assert str(raised.value) == (
        f"model file '{folder / name}' has 101 or more levels of nesting, and the limit is 100: "
        "raise it by ZEROREAL_MAX_NESTING if you trust the file"
    )


def test_a_vocabulary_of_a_terabyte_is_not_read(folder, little_memory):
    for name in ("merges.txt", "vocab.json"):
        with (folder / "tokenizer" / name).open("ab") as file:
            file.truncate(2**40)
        with pytest.raises(LimitError, match=rf"{name}' has 1,099,511,627,776 bytes of text, and"):
            check_model_folder(folder)
        (folder / "tokenizer" / name).write_text("")


def test_a_header_that_is_nested_deeply_is_a_sentence(folder):
    with_header(folder / "unet" / WEIGHTS, f'{{"a": {DEEP}')
    with pytest.raises(LimitError, match=rf"^model file .*{WEIGHTS}' has 101 or more levels of "):
        check_model_folder(folder)


def test_a_header_of_a_gigabyte_is_not_read(folder, little_memory):
    with_header(folder / "unet" / WEIGHTS, "{", 10**9)
    with pytest.raises(LimitError) as raised:
        check_model_folder(folder)
    assert str(raised.value) == (
        f"model file '{folder / 'unet' / WEIGHTS}' has 1,000,000,000 bytes of header, and the "
        "limit is 100,000,000: raise it by ZEROREAL_MAX_HEADER_BYTES if you trust the file"
    )


@pytest.mark.parametrize(
    "header", ["[]", "7", '{"a": 1}', '{"a": {"data_offsets": [0, "x"]}}', '{"a": {}}', '"x"', "é"]
)
def test_a_header_that_is_no_table_is_a_sentence(folder, header):
    with_header(folder / "unet" / WEIGHTS, header)
    with pytest.raises(InputError, match=r"is not a whole safetensors file \(.*: copy it again"):
        check_model_folder(folder)


@pytest.mark.parametrize("name", ["model_index.json", f"unet/{WEIGHTS}", "tokenizer/merges.txt"])
def test_a_pipe_in_a_model_folder_is_said(folder, name):
    (folder / name).unlink()
    os.mkfifo(folder / name)
    with pytest.raises(InputError, match=rf"^model file '.*{name}' is a pipe and not a file"):
        check_model_folder(folder)


@pytest.mark.parametrize("name", ["chat_template.jinja", "additional_chat_templates/x.jinja"])
def test_templates_beside_a_tokenizer_are_limited_and_no_pipes(folder, name, monkeypatch):
    template = folder / "tokenizer" / name
    template.parent.mkdir(exist_ok=True)
    template.write_text("x" * 3_000_000)
    monkeypatch.setenv("ZEROREAL_MAX_TEXT_BYTES", "2000000")
    with pytest.raises(LimitError, match=rf"^model file .*{template.name}' has 3,000,000 bytes"):
        check_model_folder(folder)
    template.unlink()
    os.mkfifo(template)
    with pytest.raises(InputError, match=rf"^model file '.*{name}' is a pipe and not a file"):
        check_model_folder(folder)


def test_a_lora_file_is_checked_as_other_tensors_are(tmp_path, little_memory):
    path = tmp_path / "lora.safetensors"
    os.mkfifo(path)
    with pytest.raises(InputError, match=r"^LoRA file .* is a pipe and not a file"):
        read_lora_file(path, UNET_NAMES)
    path.unlink()
    with_header(path, f'{{"a": {DEEP}')
    with pytest.raises(LimitError, match=r"^LoRA file .* levels of nesting"):
        read_lora_file(path, UNET_NAMES)
    layer = {f"unet.x.lora_{name}.weight": torch.zeros(2, 2) for name in "AB"}
    save_file(layer, path, {"lora_adapter_metadata": DEEP})
    with pytest.raises(LimitError, match=r"^LoRA file .* levels of nesting"):
        read_lora_file(path, UNET_NAMES)
