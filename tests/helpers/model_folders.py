"""Changing a model folder into what other versions and people have written."""

import functools
import json

import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import load_file, save_file
from transformers import CLIPTextModel, CLIPTokenizer


def edit(path, **changes):
    """Set keys of a JSON file; `KeyError` as a value takes one out."""
    content = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps({k: v for k, v in content.items() if v is not KeyError}))


def keep(path, *names):
    """Leave only these keys, and the class, of a JSON file."""
    content = json.loads(path.read_text())
    path.write_text(json.dumps({k: v for k, v in content.items() if k in ("_class_name", *names)}))


def scheduler(folder, name, **config):
    edit(folder / "model_index.json", scheduler=["diffusers", name])
    edit(folder / "scheduler" / "scheduler_config.json", **{"_class_name": name, **config})


def textual_inversion(folder):
    """A word of two vectors, as `save_pretrained` leaves it after `load_textual_inversion`."""
    tokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer")
    tokenizer.add_tokens(["<shoe>", "<shoe>_1"])
    encoder = CLIPTextModel.from_pretrained(folder / "text_encoder")
    encoder.resize_token_embeddings(len(tokenizer))
    tokenizer.save_pretrained(folder / "tokenizer")
    encoder.save_pretrained(folder / "text_encoder")


def rename_tensors(part, renamed, **others):
    """Give the tensors of a part other names; `others` are further ones. No metadata is kept."""
    (path,) = part.glob("*.safetensors")
    tensors = {renamed(name): tensor for name, tensor in load_file(path).items()}
    save_file({**tensors, **others}, path)


def shard(part, kind, size="60KB"):
    """The weights of a part in several files, with an index."""
    module = kind.from_pretrained(part)
    for path in part.glob("*.safetensors"):
        path.unlink()
    module.save_pretrained(part, max_shard_size=size)
    assert len(list(part.glob("*.safetensors"))) > 1


def as_variant(part, variant="fp16", dtype=torch.float16, keeps_plain=False):
    """The weights of a part under the name of a variant, rounded to `dtype`."""
    (path,) = part.glob("*.safetensors")
    tensors = {name: tensor.to(dtype) for name, tensor in load_file(path).items()}
    save_file(tensors, path.with_name(f"{path.stem}.{variant}.safetensors"), {"format": "pt"})
    if not keeps_plain:
        path.unlink()


def new_unet(folder, **changes):
    """Another UNet, whose configuration differs in `changes`, with weights of its own."""
    config = {**json.loads((folder / "unet" / "config.json").read_text()), **changes}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        unet = UNet2DConditionModel.from_config(config)
    for path in (folder / "unet").glob("*.safetensors"):
        path.unlink()
    unet.save_pretrained(folder / "unet")


def named(name, **values):
    """Changes the scheduler; this and what follows give functions of a folder."""
    return functools.partial(scheduler, name=name, **values)


def unet(**changes):
    return functools.partial(new_unet, **changes)


def index(**changes):
    return lambda folder: edit(folder / "model_index.json", **changes)


def config(part, **changes):
    return lambda folder: edit(folder / part / "config.json", **changes)
