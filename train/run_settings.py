"""What decides a run, and the folder that it is kept in."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from ..engine.errors import InputError
from ..generate.generator import DEFAULT_STEPS
from ..kernels import AugmentRanges
from .degrade import DegradeRanges
from .files import write_atomically
from .settings import TrainSettings
from .trainer import CHECKPOINT_SECONDS, DEFAULT_CLASSIFIER

CONFIG = "config.yaml"

EMBEDDED_CLASSES = (
    "t-shirt: t-shirt/top",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)
"""What the embedded model was trained to draw."""


@dataclass(frozen=True)
class RunSettings:
    """A whole run: images generated, a classifier trained on them, tested on real images."""

    classes: tuple[str, ...] = EMBEDDED_CLASSES
    """Entries `name` or `name: display prompt`, in label order."""
    recipe: str = "random-guidance"
    """A shipped recipe's name or a file's path."""
    model: str | None = None
    """A diffusers folder or hub id; the embedded model by default."""
    images_per_class: int = 400
    classifier: str = DEFAULT_CLASSIFIER
    """A timm model's name."""
    data: str | None = None
    """Real test images; by default the shipped ones for the embedded classes, else none."""
    seed: int = 0
    engine: str = "auto"
    """`auto`, `torch`, `torch:compiled`, `onnxruntime` or `tensorrt`; see `Generator`."""
    device: str = "auto"
    devices: tuple[str, ...] = ()
    """Where to generate with one process each, instead of on `device`, which trains."""
    precision: str = "auto"
    attention: str = "auto"
    """Of the torch engine; see `Generator`."""
    cuda_graphs: bool | None = None
    scheduler: str | None = None
    steps: int = DEFAULT_STEPS
    image_size: int | None = None
    """Side in pixels of the images that the classifier sees; by default that of generation."""
    batch_size: int | None = None
    """Images denoised together; by default what tuning finds."""
    vae_batch_size: int | None = None
    """Images decoded together; by default what tuning finds, or `batch_size`."""
    memory: int | None = None
    """Bytes that generation may take; by default most of what is free."""
    tune: str = "auto"
    guidance_interval: tuple[float, float] | None = None
    """Lowest and highest noise level at which guidance acts; everywhere by default."""
    deep_cache: int = 1
    """The whole UNet runs every so many steps; between, its deep features serve again."""
    vae: str | None = None
    """Another VAE decoder; see `Generator`."""
    generate_size: int | None = None
    """Side in pixels at which images are generated; by default the model's own."""
    amp: str = "auto"
    """What training computes in, by autocast: `auto`, `fp32`, `bf16` or `fp16`."""
    blocks: int = 8
    """Images arrive in so many blocks; training begins when the first is there."""
    pool: int | None = None
    """Bytes that the pool of images may take; by default a quarter of what is free."""
    spill: int | None = None
    """Bytes of host memory for images that do not fit into these; none by default."""
    pool_policy: str = "oldest"
    """What happens when the pool is full; see `POLICIES`."""
    sharing: str = "auto"
    """How generating and training share a device; see `Feed`."""
    checkpoint_seconds: float = CHECKPOINT_SECONDS
    """About how often the state of training is saved."""
    teacher: str | None = None
    """A CLIP model, by folder or hub id, whose probabilities soften the labels."""
    teacher_weight: float = 0.5
    """The teacher's share of the targets."""
    batch_norm_data: str | None = None
    """Unlabelled real images to re-estimate BatchNorm statistics on, after training."""
    time_budget: float | None = None
    """Seconds that the whole run may take: levers and number of images follow from it."""
    train: TrainSettings = field(default_factory=TrainSettings)


GENERATOR_OPTIONS = (
    "model",
    "engine",
    "precision",
    "attention",
    "cuda_graphs",
    "scheduler",
    "steps",
    "image_size",
    "batch_size",
    "vae_batch_size",
    "memory",
    "tune",
    "guidance_interval",
    "deep_cache",
    "vae",
    "generate_size",
)
"""The fields that go to the generator as they are."""


def new_run_folder(out: str | Path | None, name: str) -> Path:
    """Make the folder of a new run: `out`, which must be new or empty, or `runs/<time>-<name>`."""
    if out is None:
        stem = Path("runs") / f"{datetime.now():%Y%m%d-%H%M%S}-{name}"
        folder, number = stem, 1
        while folder.exists():
            number += 1
            folder = stem.with_name(f"{stem.name}-{number}")
    else:
        folder = Path(out)
        check_unused(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"output folder {str(folder)!r} cannot be made ({error.strerror}): choose another"
        ) from None
    if not os.access(folder, os.W_OK):
        raise InputError(f"output folder {str(folder)!r} is not writable: choose another")
    return folder


def check_unused(folder: Path) -> None:
    """Raise `InputError` if `folder` is anything but absent or an empty folder."""
    if (folder / CONFIG).exists():
        raise InputError(
            f"output folder {str(folder)!r} already holds a run: choose another, or continue an "
            f"interrupted one with --resume {folder}"
        )
    if folder.is_dir() and any(folder.iterdir()):
        raise InputError(f"output folder {str(folder)!r} is not empty: choose another")
    if folder.exists() and not folder.is_dir():
        raise InputError(f"output folder {str(folder)!r} is a file: choose another")


def write_config(folder: Path, settings: RunSettings, recipe: dict[str, Any]) -> None:
    """Write the configuration, with the recipe's content as it was."""
    content = {**_plain(asdict(settings)), "recipe_content": recipe}
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    write_atomically(folder / CONFIG, text.encode())


def read_config(folder: Path) -> tuple[RunSettings, dict[str, Any]]:
    """The settings of a run and its recipe's content; `InputError` if the folder holds no run."""
    path = folder / CONFIG
    if not path.is_file():
        raise InputError(f"{str(folder)!r} holds no run: give the folder of an interrupted run")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        recipe = content.pop("recipe_content")
        train = content.pop("train")
        ranges = {name: tuple(train["augment"][name]) for name in ("area", "aspect")}
        train["augment"] = AugmentRanges(**{**train["augment"], **ranges})
        train["degrade"] = DegradeRanges(**train["degrade"])
        for name in ("classes", "devices", "guidance_interval"):
            if content[name] is not None:
                content[name] = tuple(content[name])
        known = {field.name for field in fields(RunSettings)}
        if set(content) != known - {"train"}:
            raise ValueError("its fields are not those of this version")
        return RunSettings(**content, train=TrainSettings(**train)), recipe
    except (yaml.YAMLError, KeyError, TypeError, AttributeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{str(path)!r} cannot be read ({reason}): start a new run") from None


def _plain(value: Any) -> Any:
    """Tuples as lists, for YAML."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, tuple | list) else value
