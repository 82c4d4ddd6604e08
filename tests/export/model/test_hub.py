"""What is fetched from the hub: the files that are read, of the revision that was named."""

import shutil

import pytest
from huggingface_hub.utils import filter_repo_objects

from zeroreal.base import InputError
from zeroreal.encoders import find_encoder
from zeroreal.export import find_model

PLAIN = "diffusion_pytorch_model.safetensors"
HALF = "diffusion_pytorch_model.fp16.safetensors"
MODEL = [
    "model_index.json",
    "sd_xl_base_1.0.safetensors",
    f"unet/{PLAIN}",
    f"unet/{HALF}",
    "unet/diffusion_pytorch_model.non_ema.safetensors",
    "unet/config.json",
    "unet/model.onnx_data",
    f"vae/{HALF}",
    f"vae_1_0/{PLAIN}",
    "text_encoder/model-00001-of-00002.safetensors",
    "tokenizer/merges.txt",
    "scheduler/scheduler_config.json",
    "safety_checker/model.safetensors",
]
PARTS = ("unet", "vae", "text_encoder", "tokenizer", "scheduler", "safety_checker")


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A function that makes a hub with one repository of files; gives what is asked of it."""
    asked = []

    def make(files, index="{}"):
        def snapshot_download(name, *, revision, allow_patterns, ignore_patterns):
            asked.append((name, revision))
            for file in filter_repo_objects(
                files, allow_patterns=allow_patterns, ignore_patterns=ignore_patterns
            ):
                (tmp_path / file).parent.mkdir(exist_ok=True)
                (tmp_path / file).write_text(index if file == "model_index.json" else "{}")
            return str(tmp_path)

        monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
        return asked

    return make


def fetched(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_only_what_is_read_of_a_pipeline_is_fetched(hub):
    index = "{" + ", ".join(f'"{part}": ["a", "B"]' for part in PARTS) + "}"
    asked = hub(MODEL, index)
    folder = find_model("owner/name@fp16")
    assert fetched(folder) == {
        "model_index.json",
        f"unet/{PLAIN}",
        "unet/config.json",
        f"vae/{HALF}",  # there is no plain one
        "text_encoder/model-00001-of-00002.safetensors",
        "tokenizer/merges.txt",
        "scheduler/scheduler_config.json",
    }
    assert set(asked) == {("owner/name", "fp16")}


def test_of_a_variant_no_other_weights_are_fetched(hub):
    index = "{" + ", ".join(f'"{part}": ["a", "B"]' for part in PARTS) + "}"
    hub(MODEL, index)
    assert fetched(find_model("owner/name", "fp16")) == {
        "model_index.json",
        f"unet/{HALF}",
        "unet/config.json",
        f"vae/{HALF}",
        "text_encoder/model-00001-of-00002.safetensors",  # it has no other
        "tokenizer/merges.txt",
        "scheduler/scheduler_config.json",
    }
    # What lies there of a variant does not stand for the plain files.
    assert f"unet/{PLAIN}" in fetched(find_model("owner/name"))


def test_of_a_part_by_itself_what_is_in_folders_is_left_out(hub):
    hub(["config.json", PLAIN, HALF, "onnx/config.json", "README.md"])
    assert fetched(find_model("owner/vae")) == {"config.json", PLAIN}


def test_the_root_of_a_cache_is_told_with_its_snapshot(tmp_path):
    root = tmp_path / "models--owner--name"
    (root / "snapshots" / "abc").mkdir(parents=True)
    with pytest.raises(InputError, match=r"is the root of a cache of the hub: give its .*abc'"):
        find_model(root)
    shutil.rmtree(root / "snapshots" / "abc")
    with pytest.raises(InputError, match="fetch it again"):
        find_model(root)


def test_of_a_dual_encoder_the_tokenizer_s_model_is_fetched_too(hub):
    files = {"config.json", "preprocessor_config.json", "model.safetensors", "spiece.model"}
    hub([*files, "pytorch_model.bin"])
    assert fetched(find_encoder("owner/name")) == files
