"""What decides a run. Free of PyTorch, so that the command's help is."""

from __future__ import annotations

from dataclasses import dataclass

from ..base.durations import parse_duration
from ..base.errors import InputError
from ..base.settings import changed, option, section, values_of
from ..data.settings import ReadSettings
from ..generate.plan.settings import PlanSettings
from ..generate.settings import GenerateSettings, devices_option
from ..train.settings import GAP, PoolSettings, TrainSettings
from .baselines.settings import BaselineSettings
from .decide.settings import MetricSettings
from .selection.settings import SelectionSettings

_DECIDE_IMAGES = ("images_per_class", "recipe", "guidance", "devices", "time_budget")


@dataclass(frozen=True)
class GapSettings:
    """What bridges the gap between synthetic and real images, beside degrading the former."""

    teacher: str | None = None
    """A dual encoder, such as CLIP, whose probabilities soften the labels: its folder, its hub
    id, or embedded."""
    teacher_weight: float = 0.5
    """The teacher's share of the targets."""
    batch_norm_data: str | None = None
    """Unlabelled real images to re-estimate BatchNorm's statistics on, after training: no longer
    zero-shot."""

    def __post_init__(self) -> None:
        if not 0 <= self.teacher_weight <= 1:
            raise InputError(f"teacher weight is {self.teacher_weight}: it must be in [0, 1]")


@dataclass(frozen=True)
class RunSettings(PlanSettings):
    """A whole run: images generated, a classifier trained on them, tested on real images.

    Raises `InputError` for values out of range.
    """

    images: str | None = None
    """Train on the images of this dataset instead of generating: WebDataset shards, a Parquet file,
    a folder of either or of NumPy arrays, or a folder with a sub-folder a class."""
    images_split: str | None = None
    """Which split of --images to train on, where there are several."""
    classifier: str = "test_resnet"
    """A timm model's name."""
    data: str | None = option(None, shown="the shipped ones, for the embedded classes")
    """Real test images: a folder with a sub-folder a class, a Parquet file, WebDataset shards, or
    fashion-mnist."""
    device: str = "auto"
    """Where to generate and train: auto, cpu, cuda or cuda:N."""
    devices: tuple[str, ...] = option((), read=devices_option, shown="the device that trains")
    """Generate with one process on each of these instead, such as 0,1."""
    time_budget: float | None = option(None, read=parse_duration)
    """Choose levers and number of images for the most accuracy in a time such as 10m."""
    amp: str = option("auto", panel="Training")
    """What training computes in, by autocast: auto, fp32, bf16 or fp16."""
    checkpoint_seconds: float = option(60.0, panel="Training")
    """About how often the state of training is saved, in seconds."""
    generate: GenerateSettings = section(GenerateSettings, panel="Generation")
    train: TrainSettings = section(TrainSettings, panel="Training")
    pool: PoolSettings = section(PoolSettings, panel="Pool and sharing")
    selection: SelectionSettings = section(SelectionSettings, panel="Selecting images")
    gap: GapSettings = section(GapSettings, panel=GAP)
    baselines: BaselineSettings = section(BaselineSettings, panel="Baselines")
    decide: MetricSettings = section(MetricSettings, panel="Deciding on test images")
    reading: ReadSettings = section(ReadSettings, panel="Reading images")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.checkpoint_seconds >= 0:
            raise InputError(
                f"checkpoint seconds is {self.checkpoint_seconds}: it must be 0 or more"
            )
        if self.time_budget is not None and not self.time_budget > 0:
            raise InputError(f"time budget is {self.time_budget}: it must be above 0 seconds")
        if self.time_budget is not None and self.train.feature_samples:
            raise InputError(
                f"--feature-samples is {self.train.feature_samples}, and a time budget does not "
                "know what training on them takes: leave one of the two out"
            )
        if self.images is not None:
            _check_nothing_generated(self)


def _check_nothing_generated(settings: RunSettings) -> None:
    """Raise `InputError` for a setting that decides how images are generated, beside a dataset."""
    chosen = changed(settings)
    for value in values_of(RunSettings):
        name = ".".join(value.path)
        decides = value.path[0] == "generate" or name in _DECIDE_IMAGES
        if decides and name in chosen and name != "generate.image_size":
            raise InputError(
                f"{value.flag} decides how images are generated, and those of --images "
                f"{settings.images!r} are there already: leave one of the two out"
            )
