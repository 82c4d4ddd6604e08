"""`zeroreal export`: what it prints, what it passes on, and its complaints."""

import contextlib
import inspect
import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import get_type_hints

import pytest
import torch
from safetensors.torch import save_file

import zeroreal.export
from zeroreal.cli.export import export
from zeroreal.export import ExportSettings, read_manifest
from zeroreal.export.model.parts import PartsChoice
from zeroreal.export.model.random_weights import architectures
from zeroreal.generate.own_trajectories import record_own_steps


@pytest.fixture
def passed_on(monkeypatch, tiny_export):
    """What `export_model` is called with; it gives an export that is there already."""
    calls = []

    def export_model(model, out, settings, on_progress, record_steps):
        assert record_steps is record_own_steps
        calls.append((model, out, settings))
        return tiny_export("sd15", "fp32")

    monkeypatch.setattr(zeroreal.export, "export_model", export_model)
    return calls


def test_a_model_is_exported_and_the_table_names_graphs_and_errors(command, tiny_model, tmp_path):
    out = tmp_path / "exported"
    done = command("export", tiny_model("sd15"), "--out", out, "--generate-size", "24x16")
    assert done.returncode == 0, done.stderr
    exported = read_manifest(out)
    assert exported.generate_size == (24, 16)
    assert f"Exported from {tiny_model('sd15')}" in done.shown
    for name, graph in exported.graphs.items():
        (row,) = [line for line in done.stdout.splitlines() if line.startswith(f"│ {name} ")]
        worst = max(error.relative for error in graph.errors)
        assert 0 < worst < 1e-4
        assert "float32" in row
        assert f"{worst:.1e} of the largest value" in row
        assert any(error.output in row and error.case in row for error in graph.errors)
    assert f"Written: {out}" in done.stdout
    assert "12/12" in done.stderr, "the bar is full in the end"


def test_with_no_options_it_is_the_embedded_model_as_the_library_exports_it(command, passed_on):
    assert command("export", "--out", "new").returncode == 0
    assert passed_on == [(None, Path("new"), ExportSettings())]


def test_options_are_passed_on(command, passed_on, tmp_path):
    files = [tmp_path / "a.safetensors", tmp_path / "b.safetensors"]
    for file in files:
        file.touch()
    done = command(
        *("export", "owner/model", "--out", "new"),
        *("--precision", "bf16", "--vae-precision", "fp32", "--generate-size", "512x768"),
        *("--unet", "few-step", "--vae", "tiny"),
        *("--lora", f"{files[0]}:0.5", "--lora", files[1], "--variant", "fp16"),
        *("--textual-inversion", files[0], "--textual-inversion", f"{files[1]}:<it>"),
        *("--clip-skip", "1"),
    )
    assert done.returncode == 0, done.stderr
    loras, inversions = (f"{files[0]}:0.5", str(files[1])), (str(files[0]), f"{files[1]}:<it>")
    parts = PartsChoice("few-step", "tiny", loras, "fp16", inversions, clip_skip=1)
    settings = ExportSettings("bf16", "fp32", generate_size=(512, 768), parts=parts)
    assert passed_on == [("owner/model", Path("new"), settings)]


@pytest.mark.parametrize(
    ("size", "settings"),
    [("512", ExportSettings(generate_size=(512, 512))), ("any", ExportSettings(any_size=True))],
)
def test_a_size_is_a_square_or_any(command, passed_on, size, settings):
    assert command("export", "--out", "new", "--generate-size", size).returncode == 0
    assert passed_on[0][2] == settings


def test_random_weights_stand_in_for_a_model(command, passed_on, tiny_model, monkeypatch):
    made = []

    def random_model(name):
        made.append(name)
        return contextlib.nullcontext(tiny_model("sd15"))

    monkeypatch.setattr(zeroreal.export, "random_model", random_model)
    assert command("export", "--random-weights", "sdxl", "--out", "new").returncode == 0
    assert made == ["sdxl"]
    assert passed_on[0][0] == tiny_model("sd15")


def test_precisions_that_would_not_do_are_told(command, monkeypatch, tiny_export):
    exported = tiny_export("sd15", "fp32")
    decoder = replace(exported.graphs["vae_decoder"], notes=("not fp16: it has NaN",))
    exported = replace(exported, graphs={**exported.graphs, "vae_decoder": decoder})
    monkeypatch.setattr(zeroreal.export, "export_model", lambda *_: exported)
    assert "not fp16: it has NaN" in command("export", "--out", "new").stdout


def changed(folder, part, **changes):
    path = folder / part
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.fixture(scope="module")
def places(tiny_model, tmp_path_factory):
    """Folders and files by the names that the cases below have for them."""
    model, here = tiny_model("sd15"), tmp_path_factory.mktemp("places")
    folders = {name: here / name for name in ("flux", "t5", "vq-vae", "inpainting")}
    for folder in folders.values():
        shutil.copytree(model, folder)
    changed(folders["flux"], "model_index.json", _class_name="FluxPipeline")
    t5, vq_vae = ["transformers", "T5EncoderModel"], ["diffusers", "VQModel"]
    changed(folders["t5"], "model_index.json", text_encoder=t5)
    changed(folders["vq-vae"], "model_index.json", vae=vq_vae)
    changed(folders["inpainting"], "unet/config.json", in_channels=9)
    layer = "text_encoder.text_model.encoder.layers.0.self_attn.q_proj"
    down, up = torch.ones(4, 768), torch.ones(768, 4)
    lora = {f"{layer}.lora_A.weight": down, f"{layer}.lora_B.weight": up}
    save_file(lora, here / "other.safetensors")
    (here / "style.ckpt").touch()
    (here / "used").mkdir()
    (here / "used" / "mine.txt").touch()
    return {"model": model, "here": here, **folders}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["{flux}"], "holds a FluxPipeline, not a Stable Diffusion style pipeline"),
        (["{t5}"], "has a text_encoder of class T5EncoderModel"),
        (["{vq-vae}"], "has a vae of class VQModel: AutoencoderKL"),
        (
            ["{inpainting}"],
            "takes 9 channels where latents have 4 (an inpainting or editing model)",
        ),
        (["no/such/folder"], "model folder 'no/such/folder' does not exist"),
        (["{model}", "--lora", "{here}/other.safetensors"], "was made for another architecture"),
        (["{model}", "--lora", "{here}/style.ckpt"], "is a pickle"),
        (["{model}", "--lora", "{here}/missing.safetensors:1"], "does not exist"),
        (["{model}", "--lora", "{here}/other.safetensors:much"], "scale 'much'"),
        (["{model}", "--precision", "fp61"], "unknown precision 'fp61': did you mean 'fp16'?"),
        (["{model}", "--vae-precision", "fp8"], "unknown VAE precision 'fp8'"),
        (
            ["{model}", "--generate-size", "big"],
            "'big' is not a size in pixels: give a side such as 512, or height x width such as "
            "512x768, or any",
        ),
        (["{model}", "--generate-size", "17"], "size 17x17 does not fit the model"),
        (["{model}", "--generate-size", "0"], "size 0x0 does not fit the model"),
        (["{model}", "--out", "{here}/used"], "is not a new or empty folder: choose another"),
        (["{model}", "--random-weights", "sd15"], "give a model or --random-weights, not both"),
        (["--random-weights", "sd-15"], "unknown architecture 'sd-15': did you mean 'sd15'?"),
    ],
)
def test_bad_input_gets_one_sentence_and_status_2(
    command, places, monkeypatch, arguments, complaint
):
    monkeypatch.chdir(places["here"])
    before = sorted(places["here"].rglob("*"))
    done = command("export", "--out", "new", *(text.format(**places) for text in arguments))
    assert done.returncode == 2
    assert complaint in done.shown
    assert "Traceback" not in done.stderr
    assert sorted(places["here"].rglob("*")) == before


@pytest.mark.parametrize("missing", ["onnx", "onnxscript", "onnxruntime"])
def test_a_missing_extra_is_named(command, tiny_model, tmp_path, monkeypatch, missing):
    monkeypatch.setitem(sys.modules, missing, None)
    done = command("export", tiny_model("sd15"), "--out", tmp_path / "new")
    assert done.returncode == 2
    assert f"needs {missing}, which is not installed: pip install 'zeroreal[onnx]'" in done.shown
    assert not (tmp_path / "new").exists()


def test_the_folder_must_be_named(command):
    done = command("export")
    assert done.returncode == 2
    assert "Missing option '--out'" in done.shown


def test_the_help_names_what_the_library_knows():
    options = inspect.signature(export).parameters
    assert options["precision"].default == ExportSettings().precision
    assert options["vae_precision"].default == ExportSettings().vae_precision
    hints = get_type_hints(export, include_extras=True)
    assert ", ".join(architectures()) in hints["random_weights"].__metadata__[0].help
