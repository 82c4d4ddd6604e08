"""Classifiers in files for others, requests to them, and what judging a run has kept."""

import gzip
import json
import re
import shutil
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import torch
from fuzz_ours import of_sealed

from zeroreal.base import InputError, file_digest
from zeroreal.base.sealed import sealed
from zeroreal.export.classifier import openvino_ir
from zeroreal.export.classifier.deployed import load_deployed
from zeroreal.export.classifier.description import Description
from zeroreal.export.classifier.files import describe, write_onnx
from zeroreal.export.classifier.graph import OUTPUTS, ClassifierGraph
from zeroreal.generate import ClassName, SamplePlan, load_recipe
from zeroreal.run.audit.captions import count_captions
from zeroreal.run.audit.images import KeptImages
from zeroreal.run.baselines.measure import read_answers as read_baseline_answers
from zeroreal.run.calibration.file import Calibration, write_calibration
from zeroreal.run.finished import read_run
from zeroreal.run.reproduce.comparison import read_summary
from zeroreal.run.serve.protocol import Bounds, read_inference
from zeroreal.run.worth.start import read_figures, read_kept
from zeroreal.train.classifier.create import create_classifier
from zeroreal.train.classifier.saved import WEIGHTS, ClassifierCard, save_classifier

SIDE = 8
NAMES = ("boot", "shoe")
CLASSES = tuple(ClassName(name, f"a {name}") for name in NAMES)
PLAN = SamplePlan(load_recipe("base"), CLASSES, 2)
RUN = Path(__file__).parents[1] / "fixtures" / "run-version-1" / "finished"
TESTED = 6
DIGEST = re.compile(rb'(<zeroreal>.*?<digest value=")[0-9a-f]{64}', re.DOTALL)
KEPT = KeptImages(Path())._path("x", {}).name
CARD = Description(NAMES, NAMES, SIDE, 0.5, 9, "x", 1.5, None, None, "ab" * 32, "1.2")


def each(reads):
    """What each of them gives; the first `InputError` once all were called."""
    found, failed = [], []
    for read in reads:
        try:
            found.append(read())
        except InputError as error:
            failed.append(error)
    if failed:
        raise failed[0]
    return found


class Mean(torch.nn.Module):
    """A network whose graph is short."""

    def forward(self, images):
        return images.mean((2, 3))[:, :2]


def deployed(folder):
    write_onnx(ClassifierGraph(Mean(), SIDE, (0, 0, 0), (1, 1, 1)).eval(), CARD, folder / "x.onnx")


def read_deployed(path):
    found, _ = load_deployed(path).predict(torch.zeros(1, 5, 4, 3, dtype=torch.uint8))
    assert found.shape == (1, 2)
    assert found.isfinite().all()


def deployed_of_others(folder):
    """Graph and properties apart, of which files are made whose digest fits."""
    deployed(folder)
    (folder / "properties.json").write_text(json.dumps(CARD.properties()))


def read_deployed_of_others(folder):
    path = folder / "crafted" / "x.onnx"
    path.parent.mkdir(exist_ok=True)
    with suppress(Exception):  # what no property can hold
        model = onnx.ModelProto.FromString((folder / "x.onnx").read_bytes())
        describe(model, json.loads((folder / "properties.json").read_bytes()))
        path.write_bytes(model.SerializeToString(deterministic=True))
    try:
        if path.exists():
            read_deployed(path)
    finally:
        shutil.rmtree(path.parent)


def of_openvino(folder):
    deployed(folder)
    openvino_ir.write_openvino(folder / "x.onnx", CARD, folder / "x.xml")
    (folder / "x.onnx").unlink()


def read_openvino_of_others(folder):
    """With the digest of what it has become."""
    graph, weights = ((folder / name).read_bytes() for name in ("x.xml", "x.bin"))
    blank = DIGEST.sub(rb"\g<1>" + b"0" * 64, graph)
    digest = openvino_ir._digest(blank, weights).encode()
    crafted = folder / "crafted"
    crafted.mkdir()
    try:
        (crafted / "x.xml").write_bytes(DIGEST.sub(rb"\g<1>" + digest, blank))
        (crafted / "x.bin").write_bytes(weights)
        read_deployed(crafted / "x.xml")
    finally:
        shutil.rmtree(crafted)


def request(folder):
    tensor = {"name": "images", "datatype": "UINT8", "shape": [1, 2, 2, 3]}
    listed = {"inputs": [{**tensor, "data": [[[[1, 2, 3]] * 2] * 2]}]}
    outputs = [{"name": OUTPUTS[0], "parameters": {"binary_data": True}}]
    binary = {"inputs": [{**tensor, "parameters": {"binary_data_size": 12}}], "outputs": outputs}
    (folder / "listed.json").write_text(json.dumps({**listed, "id": "1"}))
    (folder / "binary.json").write_text(json.dumps(binary))
    (folder / "tensor").write_bytes(bytes(12))
    (folder / "length").write_text(str(len(json.dumps(binary))))


def read_request(folder):
    read = partial(read_inference, outputs=OUTPUTS, bounds=Bounds(4, 64))
    listed, head = ((folder / name).read_bytes() for name in ("listed.json", "binary.json"))
    length = (folder / "length").read_text(errors="replace")
    bodies = ((listed, None), (head + (folder / "tensor").read_bytes(), length))
    found = each(partial(read, body, said) for body, said in bodies)
    assert all(one.images.shape[3] == 3 for one in found)


def captions(folder):
    text = b"A photo of a boot.\nshoes, and a boot\n"
    (folder / "x.txt").write_bytes(text)
    (folder / "x.gz").write_bytes(gzip.compress(text))


def read_captions(folder):
    files = (folder / name for name in ("x.txt", "x.gz"))
    found = each(partial(count_captions, file, CLASSES, ["a photo of a boot"]) for file in files)
    assert all(one.captions > 0 for one in found)


def kept_images(folder):
    count = len(PLAN)
    tensors = {
        "images": torch.zeros(count, SIDE, SIDE, 3, dtype=torch.uint8),
        "labels": torch.zeros(count, dtype=torch.int64),
        "places": torch.arange(count),
    }
    (folder / KEPT).write_bytes(sealed(tensors, "1.5"))


def read_kept_images(folder):
    found = KeptImages(folder).load("x", {}, PLAN)
    assert len(found.images) == len(found.labels) == len(found.places)
    assert found.seconds > 0


def answers(folder):
    (folder / "x").write_bytes(sealed({"right": torch.zeros(TESTED, dtype=torch.bool)}, "{}"))


def read_answers(folder):
    found = read_kept(folder / "x", TESTED)
    assert found is None or (found.shape, found.dtype) == ((TESTED,), np.bool_)


def baseline(folder):
    told = json.dumps({"fitted_to": None, "seconds": 1.0})
    tensors = {"predicted": torch.zeros(TESTED, dtype=torch.int64)}
    (folder / "x").write_bytes(sealed(tensors, told))


def read_baseline(folder):
    found = read_baseline_answers(folder / "x", TESTED, len(NAMES))
    assert found is None or found.predicted.bincount(minlength=2).shape == (2,)


def finished(folder):
    """A run's figures, its classifier and its calibration."""
    shutil.copy(RUN / "metrics.json", folder)
    card = ClassifierCard("test_resnet", NAMES, NAMES, 32)
    save_classifier(folder, create_classifier("test_resnet", 2, 32), card)
    digest = file_digest(folder / WEIGHTS)
    write_calibration(folder, Calibration(1.5, "ranks", 0.1, (0.5, 0.5), digest, "a note", {}))


def read_finished(folder):
    pictures = torch.zeros(2, 32, 32, 3, dtype=torch.uint8)
    *_, (found, rejected) = each(
        (
            lambda: read_summary(folder),
            lambda: read_figures(folder / "metrics.json"),
            lambda: read_run(folder).predict(pictures),
        )
    )
    assert found.shape == (2, 2)
    assert rejected is None or rejected.shape == (2,)


TARGETS = {
    "deployed": (deployed, lambda folder: read_deployed(folder / "x.onnx")),
    "deployed of others": (deployed_of_others, read_deployed_of_others),
    "openvino": (of_openvino, lambda folder: read_deployed(folder / "x.xml")),
    "openvino of others": (of_openvino, read_openvino_of_others),
    "request": (request, read_request),
    "captions": (captions, read_captions),
    "kept images": (kept_images, read_kept_images),
    "kept images sealed": of_sealed(kept_images, read_kept_images, KEPT),
    "answers": (answers, read_answers),
    "answers sealed": of_sealed(answers, read_answers, "x"),
    "baseline": (baseline, read_baseline),
    "baseline sealed": of_sealed(baseline, read_baseline, "x"),
    "finished run": (finished, read_finished),
}
"""As in `fuzz_targets`."""
