"""How a run is deployed. Free of PyTorch, so that the command's help is."""

from __future__ import annotations

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
"""The targets, and what the file of each is called."""
SIZES = ("any", "fixed")
FEWEST = 12
"""Images of a run, to check files on."""


def _targets(text: str) -> tuple[str, ...]:
    """Names separated by commas."""
    return tuple(part.strip() for part in text.split(","))


@dataclass(frozen=True)
class DeploySettings:
    """Which files are made of a run, and what they are checked on.

    Raises `InputError` for values out of range.
    """

    to: tuple[str, ...] = option(("onnx",), read=_targets, shown="onnx")
    """What to write, separated by commas: onnx, int8 (ONNX in 8 bits), openvino (weights in
    halves) and torch (a program of torch.export)."""
    size: str = "any"
    """Which pictures the files take: any, or fixed, of the classifier's own size, for devices that
    cannot resize."""
    synthetic: int = 600
    """How many of the run's images to calibrate and check on."""
    regenerate: bool = False
    """Generate those images again: a run that generated its own keeps none."""
    data: str | None = option(None, shown="the shipped ones, for the embedded classes")
    """Real images to check on, too: a folder with a sub-folder a class, a Parquet file, WebDataset
    shards, or fashion-mnist."""
    device: str = "auto"
    """Where to generate: auto, cpu, cuda or cuda:N; files are checked on the CPU."""
    reading: ReadSettings = section(ReadSettings, panel="Reading images")

    def __post_init__(self) -> None:
        for name in self.to:
            if name not in FILES:
                raise unknown("target", name, FILES)
        if not self.to or len(set(self.to)) < len(self.to):
            raise InputError(
                f"targets {', '.join(self.to)!r} are none, or one twice: give some of "
                f"{', '.join(FILES)}"
            )
        if self.size not in SIZES:
            raise unknown("size", self.size, SIZES)
        if self.synthetic < FEWEST:
            raise InputError(
                f"{self.synthetic} synthetic images tell nothing of a file: give at least {FEWEST}"
            )
