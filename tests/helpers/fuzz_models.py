"""Single-file models, files beside models and plans, and a dual encoder."""

import json
import shutil
from dataclasses import asdict

import torch
from safetensors.torch import save_file
from single_files import single_file
from tiny_models import shrunk
from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPTokenizer
from transformers.utils import logging

from zeroreal.assets import TINY_FASHION
from zeroreal.base.tensor_files import load_tensors
from zeroreal.data.configurations import check_one_configuration
from zeroreal.encoders import ZeroShotClassifier, load_encoder
from zeroreal.engine.tensorrt.report import BuildReport, read_report, write_report
from zeroreal.export.model.distilled import Distilled, read_distilled
from zeroreal.export.model.model_info import read_model_info
from zeroreal.export.model.random_weights import architecture, bare_modules, write_random_model
from zeroreal.export.model.safetensors_header import read_header
from zeroreal.export.model.single_file import convert
from zeroreal.export.model.single_file.kind import file_kind
from zeroreal.export.model.single_file.mapping import converted
from zeroreal.export.onnx.manifest import read_manifest
from zeroreal.generate.dataset.card.licence import model_licence

CPU = torch.device("cpu")
SIDE = 8
NAMES = ("boot", "shoe")


def export(folder):
    tensor = {"name": "x", "dtype": "float32", "shape": ["batch", 4]}
    error = {"case": "x", "output": "x", "relative": 0.0, "allowed": 1.0}
    graph = {"file": "x.onnx", "precision": "float32", "structure_digest": "0" * 64}
    graph |= {"weights_digest": "0" * 64, "inputs": [tensor], "outputs": [tensor]}
    content = {"format": 2, "created": "2026", "source": {}, "image_size": [32, 32]}
    content |= {"model": asdict(read_model_info(TINY_FASHION)), "versions": {"torch": "2"}}
    content |= {"graphs": {"denoise": graph | {"relative_errors": [error]}}}
    (folder / "manifest.json").write_text(json.dumps(content))
    (folder / "x.onnx").touch()


def distilled(folder):
    Distilled("TCD", {4: 0.5, 2: -1.0}, (1.0, 7.5), "epsilon", "0" * 64).write(folder)


def plan(folder):
    report = BuildReport("x", "0", "0", "tensorrt 1", "sm_89", {}, False, 1.0, 5, 5, 5, (), ())
    write_report(report, folder)


def card(folder):
    (folder / "README.md").write_text(
        "---\nlicense: [mit]\nconfigs:\n- config_name: a\n  data_files: x\n---\n\nA card.\n"
    )
    (folder / "LICENSE").write_text("MIT License\n")


def read_card(folder):
    check_one_configuration(folder)
    model_licence(folder)


def encoder(folder):
    logging.disable_progress_bar()
    tokenizer = CLIPTokenizer.from_pretrained(TINY_FASHION / "tokenizer")
    narrow = {"hidden_size": 8, "intermediate_size": 8, "num_attention_heads": 2}
    narrow |= {"num_hidden_layers": 1}
    text = {"vocab_size": len(tokenizer), "max_position_embeddings": 32}
    text |= {"eos_token_id": tokenizer.eos_token_id}
    vision = {"image_size": SIDE, "patch_size": 4}
    config = CLIPConfig(
        text_config={**narrow, **text}, vision_config={**narrow, **vision}, projection_dim=4
    )
    CLIPModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    sides = {"height": SIDE, "width": SIDE}
    CLIPImageProcessor(size={"shortest_edge": SIDE}, crop_size=sides).save_pretrained(folder)


def read_encoder(folder):
    given = ZeroShotClassifier(load_encoder(folder, CPU), NAMES)(
        torch.zeros(1, SIDE, SIDE, 3, dtype=torch.uint8)
    )
    assert given.shape == (1, 2)


def single_checkpoint(folder):
    """A whole model in one file, of an architecture with few layers."""
    convert.architecture = lambda family: shrunk(architecture(family))
    write_random_model(convert.architecture("sd15"), folder / "model", torch.float32)
    tensors = single_file(folder / "model", "sd15")
    shutil.rmtree(folder / "model")
    tensors = {name: value.contiguous() for name, value in tensors.items()}
    save_file(tensors, folder / "x.safetensors", {"modelspec.prediction_type": "epsilon"})


def read_single_checkpoint(folder):
    """As `convert` does, but for the tokenizer, which is the same for all."""
    path = folder / "x.safetensors"
    kind, tensors = file_kind(path, read_header(path)), load_tensors(path, "model file")
    modules = bare_modules(convert._described(kind, tensors, path))
    assert set(converted(path, tensors, modules)) == set(modules)


TARGETS = {
    "single file": (single_checkpoint, read_single_checkpoint),
    "export": (export, read_manifest),
    "distilled": (distilled, read_distilled),
    "plan": (plan, read_report),
    "card": (card, read_card),
    "encoder": (encoder, read_encoder),
}
"""As in `fuzz_targets`."""
