"""How a run is deployed. Free of PyTorch, so that the command's help is."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from ...base.errors import InputError, unknown
from ...base.settings import option, section
from ...data.settings import ReadSettings

FILES = {
    "onnx": "model.onnx",
    "int8": "model-int8.onnx",
    "openvino": "model.xml",
    "torch": "model.pt2",
}
"""The targets that have one file each, and what it is called."""
TARGETS = (*FILES, "tensorrt")
PRECISIONS = ("fp16", "int8")
SIZES = ("any", "fixed")
CALIBRATING = ("generated", "distilled")
FEWEST = 12
"""Images of a run, to check files on."""


def _names(text: str) -> tuple[str, ...]:
    """Names separated by commas."""
    return tuple(part.strip() for part in text.split(","))


@dataclass(frozen=True)
class DeploySettings:
    """Which files are made of a run, and what they are checked on.

    Raises `InputError` for values out of range.
    """

    to: tuple[str, ...] = option(("onnx",), read=_names, shown="onnx")
    """What to write, separated by commas: onnx, int8 (ONNX in 8 bits), openvino (weights in
    halves), torch (a program of torch.export) and tensorrt (a plan for each GPU and precision)."""
    size: str = "any"
    """Which pictures the files take: any, or fixed, of the classifier's own size, for devices that
    cannot resize."""
    synthetic: int = 600
    """How many of the run's images to calibrate and check on."""
    calibration_images: str = "generated"
    """What finds the ranges of numbers in 8 bits: generated, a third of the run's images; or
    distilled, noise optimised to have the statistics that the classifier's batch normalisation
    keeps."""
    regenerate: bool = False
    """Generate those images again: a run that generated its own keeps none."""
    data: str | None = option(None, shown="the shipped ones, for the embedded classes")
    """Real images to check on, too: a folder with a sub-folder a class, a Parquet file, WebDataset
    shards, or fashion-mnist."""
    target: tuple[str, ...] = option((), read=_names, shown="the one here")
    """GPUs that TensorRT's plans are for, separated by commas, such as sm_86,sm_89; they need not
    be here."""
    precision: tuple[str, ...] = option(("fp16", "int8"), read=_names, shown="fp16,int8")
    """Of TensorRT's plans, separated by commas: fp16 and int8."""
    batch: str = "1:16:32"
    """Batch sizes that TensorRT's plans serve, MIN:BEST:MAX."""
    sides: str = "16:256:1024"
    """Sides in pixels of the pictures that TensorRT's plans take, MIN:BEST:MAX, with --size any."""
    device: str = "auto"
    """Where to generate: auto, cpu, cuda or cuda:N; files are checked on the CPU."""
    reading: ReadSettings = section(ReadSettings, panel="Reading images")

    def __post_init__(self) -> None:
        _check_names("target", self.to, TARGETS)
        _check_names("precision", self.precision, PRECISIONS)
        if len(set(self.target)) < len(self.target):
            raise InputError(f"GPUs {', '.join(self.target)!r} have one twice: give each once")
        if self.target and "tensorrt" not in self.to:
            raise InputError(
                f"GPUs {', '.join(self.target)!r} are for TensorRT's plans: add tensorrt to --to"
            )
        if self.size not in SIZES:
            raise unknown("size", self.size, SIZES)
        if self.calibration_images not in CALIBRATING:
            raise unknown("calibration images", self.calibration_images, CALIBRATING)
        if self.synthetic < FEWEST:
            raise InputError(
                f"{self.synthetic} synthetic images tell nothing of a file: give at least {FEWEST}"
            )

    @property
    def quantises(self) -> bool:
        """Whether anything is to be in 8 bits."""
        return "int8" in self.to or ("tensorrt" in self.to and "int8" in self.precision)


def _check_names(what: str, names: tuple[str, ...], known: Collection[str]) -> None:
    for name in names:
        if name not in known:
            raise unknown(what, name, known)
    if not names or len(set(names)) < len(names):
        raise InputError(
            f"{what}s {', '.join(names)!r} are none, or one twice: give some of {', '.join(known)}"
        )
