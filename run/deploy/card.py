"""What a deployment says of itself: `deploy.json`, and a card for people."""

from __future__ import annotations

import json
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ...base.printable import printable
from ...export.classifier.files import OPSET
from ...export.classifier.gate import Comparison
from ...train.classifier.bounds import accuracy_interval
from .figures import Deployment, FileFigures

FIGURES, CARD = "deploy.json", "README.md"
_LISTED = 200  # classes


def write_card(folder: Path, deployment: Deployment) -> None:
    """Write figures and card into the folder that is to become the deployment's."""
    text = json.dumps(deployment.content(), indent=2, ensure_ascii=False) + "\n"
    (folder / FIGURES).write_text(text, encoding="utf-8")
    (folder / CARD).write_text(_card(deployment), encoding="utf-8")


def _card(deployment: Deployment) -> str:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["percent"] = lambda share: f"{100 * share:.1f} %"
    about = deployment.description
    names = [printable(name) for name in about.classes]
    interval = None
    if about.accuracy is not None:
        right = round(about.accuracy * about.tested_images)
        interval = accuracy_interval(right, about.tested_images)
    plans = [file for file in deployment.files if file.plan is not None]
    run = [file for file in deployment.files if file.plan is None]
    text = environment.get_template("README.md.j2").render(
        one=deployment,
        about=about,
        interval=interval,
        names=names[:_LISTED],
        more=len(names) - _LISTED,
        onnx=[file for file in deployment.files if file.name.endswith(".onnx")],
        opset=OPSET,
        run=run,
        plans=plans,
        checked=_checked(deployment.files[0]),
    )
    return printable(text, keep="\n")


def _checked(file: FileFigures) -> tuple[Comparison, ...]:
    """What a file was checked by, itself or its graph; the same images for all."""
    return file.comparisons if file.plan is None else file.plan.graph
