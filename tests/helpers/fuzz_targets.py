"""What reads files of others: for each reader, files that it takes, and how it is called."""

import gzip
import io
import json
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from fuzz_judged import TARGETS as JUDGED
from fuzz_models import TARGETS as MODELS
from fuzz_ours import TARGETS as OURS
from PIL import Image
from safetensors.torch import save_file

from zeroreal.assets import TINY_FASHION
from zeroreal.data import load_images
from zeroreal.engine.cache_entry import CacheKey, read_entry, seal
from zeroreal.export.model.components import load_tokenizers
from zeroreal.export.model.lora_file import UNET_NAMES, read_lora_file
from zeroreal.export.model.model_folder import check_model_folder
from zeroreal.export.model.read_schedule import schedule_of
from zeroreal.export.model.scheduler import load_scheduler
from zeroreal.export.model.textual_inversion import check_inversions, parse_inversion
from zeroreal.generate import load_recipe, parse_classes
from zeroreal.generate.plan.classes import class_entries
from zeroreal.generate.plan.prompt_file import read_prompt_file
from zeroreal.generate.plan.recipe import recipe_text
from zeroreal.report.results.reading import read_result
from zeroreal.run.decide.tree import ClassTree
from zeroreal.run.folder import read_config, read_made_with, write_config
from zeroreal.run.settings import RunSettings
from zeroreal.train.classifier.create import create_classifier
from zeroreal.train.classifier.saved import ClassifierCard, load_classifier, save_classifier
from zeroreal.train.loop.checkpoint import CheckpointFolder

CPU = torch.device("cpu")
SIDE = 8
NAMES = ("boot", "shoe")
IDENTITY = {"classifier": "resnet18", "recipe": {"epochs": 3}}
FORMATS = ("png", "jpeg", "webp", "bmp", "tiff")
ROOT = Path(__file__).parents[2]
LONG = torch.zeros(2**16, dtype=torch.uint8)
PROMPTS = [{"class": name, "prompt": f"a {name}", "weight": 2} for name in NAMES]


def picture(image_format="png"):
    file = io.BytesIO()
    pixels = np.arange(SIDE * SIDE * 3, dtype=np.uint8).reshape(SIDE, SIDE, 3)
    Image.fromarray(pixels).save(file, image_format)
    return file.getvalue()


def text(name, content):
    """What writes one file of text."""
    return lambda folder: (folder / name).write_text(content, encoding="utf-8")


def tar(folder):
    (folder / "_info.json").write_text(json.dumps({"classes": NAMES}))
    with tarfile.open(folder / "0.tar", "w") as file:
        for number in range(3):
            for name, content in (("png", picture()), ("cls", b"1"), ("json", b'{"label": 1}')):
                member = tarfile.TarInfo(f"{number}.{name}")
                member.size = len(content)
                file.addfile(member, io.BytesIO(content))


def packed_tar(folder):
    tar(folder)
    (folder / "0.tar.gz").write_bytes(gzip.compress((folder / "0.tar").read_bytes()))
    (folder / "0.tar").unlink()


def parquet(folder):
    images = [{"bytes": picture(), "path": None}] * 4
    table = pa.table({"image": images, "label": pa.array([0, 1, 0, 1])})
    table = table.replace_schema_metadata({"class_names": ",".join(NAMES)})
    pq.write_table(table, folder / "all.parquet")


def idx(folder):
    header = b"\0\0\x08\x03" + b"".join(n.to_bytes(4, "big") for n in (3, 28, 28))
    images = gzip.compress(header + bytes(3 * 28 * 28))
    (folder / "train-images-idx3-ubyte.gz").write_bytes(images)
    labels = b"\0\0\x08\x01\0\0\0\x03\0\x01\x02"
    (folder / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(labels))


def arrays(folder):
    (folder / "classes.txt").write_text("\n".join(NAMES))
    np.save(folder / "a.npy", np.zeros((3, SIDE, SIDE, 3), np.uint8))
    np.save(folder / "a.labels.npy", np.array([0, 1, 0]))


def class_folders(folder):
    for name in NAMES:
        (folder / name).mkdir()
        for image_format in FORMATS:
            (folder / name / f"x.{image_format}").write_bytes(picture(image_format))


def prompts_parquet(folder):
    pq.write_table(pa.Table.from_pylist(PROMPTS), folder / "x.parquet")


def model(folder):
    """All of the embedded model but its weights: one small tensor with as long a side as any."""
    shutil.copytree(TINY_FASHION, folder / "model", ignore=shutil.ignore_patterns("*.safetensors"))
    (folder / "model" / "tokenizer" / "chat_template.jinja").write_text("{{ messages }}")
    for path in TINY_FASHION.rglob("*.safetensors"):
        save_file({"x": LONG}, folder / "model" / path.relative_to(TINY_FASHION))


def read_model(folder):
    info = check_model_folder(folder / "model")
    schedule_of(load_scheduler(folder / "model"), 4)
    load_tokenizers(folder / "model", info)[0](["a boot"])


def read_run(folder):
    read_config(folder)
    read_made_with(folder)


def lora(folder):
    layer = "unet.mid_block.attentions.0.proj"
    tensors = {
        f"{layer}.lora_A.weight": torch.ones(2, 4),
        f"{layer}.lora_B.weight": torch.ones(4, 2),
    }
    save_file(tensors, folder / "x.safetensors", {"ss_network_dim": "2"})


def inversion(folder):
    save_file({"<shoe>": torch.ones(2, 128)}, folder / "x.safetensors")


def read_inversion(path):
    check_inversions(TINY_FASHION, check_model_folder(TINY_FASHION), [parse_inversion(str(path))])


def classifier(folder):
    card = ClassifierCard("test_resnet", NAMES, NAMES, 32)
    save_classifier(folder, create_classifier("test_resnet", 2, 32), card)


def classifier_of_others(folder):
    """Without our digest."""
    classifier(folder)
    save_file(
        create_classifier("test_resnet", 2, 32).state_dict(), folder / "classifier.safetensors"
    )


def entry(folder):
    (folder / "plan.bin").write_bytes(b"a plan")
    seal(folder, CacheKey("plan", "x", "0" * 64, {}, "torch 2", "any", None))


def checkpoint(folder):
    CheckpointFolder(folder, IDENTITY).save({"weights": torch.ones(3), "version": 1})


def result(folder):
    shutil.copy(ROOT / "benchmarks" / "results" / "loader-cpu.json", folder / "x.json")


def of_classes(name, content):
    return text(name, content), lambda folder: parse_classes(class_entries(str(folder / name)))


def of_prompts(name, content):
    return text(name, content), lambda folder: read_prompt_file(folder / name)


def of_images(write):
    return write, lambda folder: load_images(folder, SIDE)


def of_recipes(name):
    return text("x.yaml", recipe_text(name)), lambda folder: load_recipe(folder / "x.yaml")


def of_tensors(write, read):
    return write, lambda folder: read(folder / "x.safetensors")


TARGETS = {
    "classes.txt": of_classes("x.txt", "boot\nshoe: a sneaker\n# no\n"),
    "classes.csv": of_classes("x.csv", "name,prompt\nboot,a boot\nshoe,a shoe\n"),
    "classes.json": of_classes("x.json", json.dumps({"boot": "a boot", "shoe": "a shoe"})),
    "classes.yaml": of_classes("x.yaml", "- boot\n- shoe\n"),
    "prompts.json": of_prompts("x.json", json.dumps({name: [f"a {name}"] for name in NAMES})),
    "prompts.jsonl": of_prompts("x.jsonl", "\n".join(map(json.dumps, PROMPTS))),
    "prompts.csv": of_prompts("x.csv", "class,prompt\nboot,a boot\nshoe,a shoe\n"),
    "prompts.parquet": (
        prompts_parquet,
        lambda folder: read_prompt_file(folder / "x.parquet"),
    ),
    "recipe": of_recipes("multi-domain"),
    "merged recipe": of_recipes("merged"),
    "run": (lambda folder: write_config(folder, RunSettings(), {}), read_run),
    "result": (result, lambda folder: read_result(folder / "x.json")),
    "tar": of_images(tar),
    "packed tar": of_images(packed_tar),
    "parquet": of_images(parquet),
    "idx": of_images(idx),
    "arrays": of_images(arrays),
    "class folders": of_images(class_folders),
    "model": (model, read_model),
    "lora": of_tensors(lora, lambda path: read_lora_file(path, UNET_NAMES)),
    "textual inversion": of_tensors(inversion, read_inversion),
    "classifier": (classifier, lambda folder: load_classifier(folder, CPU)),
    "classifier of others": (classifier_of_others, lambda folder: load_classifier(folder, CPU)),
    "checkpoint": (checkpoint, lambda folder: CheckpointFolder(folder, IDENTITY).load()),
    "cache entry": (entry, lambda folder: read_entry(folder, check_files=True)),
    "class tree": (
        text("x.json", json.dumps({"footwear": ["boot", {"shoe": None}], "bag": {}})),
        lambda folder: ClassTree(folder / "x.json", NAMES, NAMES),
    ),
    **OURS,
    **MODELS,
    **JUDGED,
}
"""By name: what writes good files into a folder, and what reads them there."""
