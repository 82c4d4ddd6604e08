"""Damaged model folders: each gets one sentence that names the file."""

import json
import shutil

import pytest
import torch

from zeroreal.assets import TINY_FASHION
from zeroreal.base import InputError
from zeroreal.export import check_model_folder, find_model, load_scheduler, load_unet

WEIGHTS = "diffusion_pytorch_model.safetensors"


@pytest.fixture
def folder(tmp_path):
    return shutil.copytree(TINY_FASHION, tmp_path / "model")


def complaint(folder):
    with pytest.raises(InputError) as caught:
        check_model_folder(folder)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_the_embedded_model_is_whole():
    check_model_folder(TINY_FASHION)
    assert find_model(None) == TINY_FASHION


def test_the_embedded_model_keeps_to_its_size():
    files = [path for path in TINY_FASHION.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 27e6
    assert {"README.md", "LICENSE"} <= {path.name for path in files}


@pytest.mark.parametrize("name", ["model_index.json", "unet/config.json"])
def test_a_missing_json_file_is_named(folder, name):
    (folder / name).unlink()
    assert name in complaint(folder)


@pytest.mark.parametrize("part", ["vae", "scheduler", "tokenizer"])
def test_a_missing_part_is_named(folder, part):
    shutil.rmtree(folder / part)
    assert f"lacks the folder {part!r}" in complaint(folder)


def test_missing_weights_are_named(folder):
    (folder / "unet" / WEIGHTS).unlink()
    assert "no .safetensors file" in complaint(folder)


def test_pickle_weights_are_refused(folder):
    (folder / "unet" / WEIGHTS).rename(folder / "unet" / "diffusion_pytorch_model.bin")
    assert "only as pickle" in complaint(folder)


def test_half_precision_files_by_themselves_are_loaded(folder):
    """What `variant="fp16"` of diffusers reads; a plain file beside them goes first."""
    plain, half = folder / "unet" / WEIGHTS, folder / "unet" / WEIGHTS.replace(".", ".fp16.", 1)
    plain.rename(half)
    check_model_folder(folder)
    expected = load_unet(TINY_FASHION / "unet", torch.float32)
    given = load_unet(folder / "unet", torch.float32)
    for name, value in given.state_dict().items():
        assert torch.equal(value, expected.state_dict()[name])
    shutil.copy(half, plain)
    half.write_bytes(b"not read")
    check_model_folder(folder)


def test_several_variants_without_a_plain_file_are_refused(folder):
    plain = folder / "unet" / WEIGHTS
    for variant in ("fp16", "non_ema"):
        shutil.copy(plain, plain.with_suffix(f".{variant}.safetensors"))
    plain.unlink()
    assert "as variants 'fp16', 'non_ema' and none of them plain" in complaint(folder)


def test_a_missing_shard_of_a_variant_is_named(folder):
    plain = folder / "unet" / WEIGHTS
    first = plain.with_name("diffusion_pytorch_model.fp16-00001-of-00002.safetensors")
    plain.rename(first)
    index = {"weight_map": {"a": first.name, "b": first.name.replace("00001", "00002")}}
    (folder / "unet" / f"{WEIGHTS}.index.fp16.json").write_text(json.dumps(index))
    assert "fp16-00002-of-00002.safetensors" in complaint(folder)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("v1-5-pruned.ckpt", "is a pickle, which can run code"),
        ("model.gguf", "is a file: give a folder"),
    ],
)
def test_a_file_is_not_said_to_be_absent(tmp_path, name, told):
    (tmp_path / name).touch()
    with pytest.raises(InputError) as caught:
        find_model(tmp_path / name)
    assert told in str(caught.value)


@pytest.mark.parametrize("kept", [4, 1000, -1])
def test_truncated_weights_are_noticed_before_loading(folder, kept):
    path = folder / "vae" / WEIGHTS
    path.write_bytes(path.read_bytes()[:kept])
    message = complaint(folder)
    assert WEIGHTS in message
    assert "copy it again" in message


def test_a_missing_shard_is_named(folder):
    index = {"weight_map": {"conv_in.weight": "model-00002-of-00002.safetensors"}}
    (folder / "unet" / f"{WEIGHTS}.index.json").write_text(json.dumps(index))
    assert "model-00002-of-00002.safetensors" in complaint(folder)


def test_broken_json_is_named(folder):
    (folder / "vae" / "config.json").write_text("{")
    assert "not valid JSON" in complaint(folder)


def test_other_pipelines_are_declined(folder):
    index = json.loads((folder / "model_index.json").read_text())
    index["_class_name"] = "FluxPipeline"
    (folder / "model_index.json").write_text(json.dumps(index))
    assert "FluxPipeline" in complaint(folder)


def test_a_hub_id_out_of_reach_gets_one_sentence(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match="could not be fetched"):
        find_model("nobody/no-such-model-zeroreal")


def test_schedulers_go_by_their_class_name_with_or_without_the_ending():
    assert type(load_scheduler(TINY_FASHION, "DDIM")).__name__ == "DDIMScheduler"
    scheduler = load_scheduler(TINY_FASHION, "EulerDiscreteScheduler")
    assert scheduler.config.prediction_type == "v_prediction"


def test_a_scheduler_whose_library_is_missing_says_so(monkeypatch):
    import diffusers

    def from_config(*_, **__):
        raise ImportError("LMS requires\nscipy")

    monkeypatch.setattr(diffusers.LMSDiscreteScheduler, "from_config", from_config)
    with pytest.raises(InputError, match=r"'LMSDiscrete' needs.*\(LMS requires scipy\): install"):
        load_scheduler(TINY_FASHION, "LMSDiscrete")
