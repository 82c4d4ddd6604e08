"""What decides how images are generated. Free of PyTorch, so that the command's help is."""

from __future__ import annotations

from dataclasses import dataclass

from ..base.errors import InputError, unknown
from ..base.settings import option
from ..base.sides import Sides, as_sides, both_sides, parse_sides, sides_text
from ..base.sizes import optional_size
from .model_settings import PartsSettings
from .sampling.steps import parse_interval

TUNINGS = ("auto", "off")
_LEAST_SIDE = 8  # pixels of a finished image


def devices_option(text: str) -> tuple[str, ...]:
    """The devices that a text such as `0,1` names; see `parse_devices`."""
    from .parallel.generator import (
        parse_devices,  # not above: it brings PyTorch, which --help can spare
    )

    return parse_devices(text)


@dataclass(frozen=True)
class GenerateSettings(PartsSettings):
    """How images are generated; `Generator` and tuning are made from it.

    Raises `InputError` for numbers out of range and for a tuning that is not one of `TUNINGS`.
    """

    engine: str = "auto"
    """auto, torch, torch:compiled, onnxruntime (:cpu, :cuda, :tensorrt) or tensorrt; all make the
    same images. torch:simulated makes those of precision fp8 on any device, without its speed."""
    precision: str = "auto"
    """What text encoder, UNet and VAE compute in: auto, fp32, bf16 or fp16; of torch:compiled on a
    GPU also fp8, which is bf16 but for linear layers of the UNet, and of tensorrt, fp16 but for
    convolutions, too."""
    attention: str = "auto"
    """Of engine torch: auto, xformers, cudnn, flash, sdpa or math."""
    cuda_graphs: bool | None = option(None, shown="where tuning finds it faster")
    """Replay the work on a GPU as one graph for each shape."""
    scheduler: str | None = option(None, shown="the model's own")
    """A diffusers scheduler's class name; after a colon its spacing: EulerDiscrete:trailing."""
    unet: str | None = option(None, shown="few-step where a model brings one")
    """own, few-step, or the folder of one that zeroreal distil made; own where steps are named."""
    steps: int | None = option(None, shown="what suits the UNet")
    """Denoising steps for each image: 12, or the most that a distilled UNet serves."""
    first_steps: int = 0
    """Take so many of the steps by the model's own UNet, with guidance, the rest by the distilled
    one."""
    negative_prompt: str | None = option(None, shown="the recipe's", decides_speed=False)
    """What guidance leads away from, in place of what the recipe says."""
    image_size: int | None = option(None, shown="that of generation", decides_speed=False)
    """Side in pixels of the finished square images, which the classifier sees."""
    generate_size: Sides | None = option(None, read=parse_sides, shown="the model's own")
    """Pixels at which images are generated: 512, or 512x768 (height x width), of which the middle
    square is taken."""
    batch_size: int | None = option(None, shown="what tuning finds")
    """Images denoised together."""
    vae_batch_size: int | None = option(None, shown="what tuning finds")
    """Images decoded together."""
    memory: int | None = option(None, read=optional_size, shown="most of what is free")
    """Memory that generation may take, such as 16GiB."""
    tune: str = option("auto", decides_speed=False)
    """auto measures for some seconds what is left open and not remembered; off takes defaults."""
    guidance_interval: tuple[float, float] | None = option(
        None, read=parse_interval, shown="everywhere", decides_speed=False
    )
    """Lowest and highest noise level at which guidance acts, such as 0.3:5."""
    deep_cache: int = 1
    """Run the whole UNet every so many steps only; between, its deep features serve again."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("steps", "batch_size", "vae_batch_size", "deep_cache", "memory"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"{name.replace('_', ' ')} is {value}: at least 1 is needed")
        if self.first_steps < 0:
            raise InputError(f"first steps is {self.first_steps}: it must be 0 or more")
        if self.generate_size is not None:  # so that one size is written in one way
            object.__setattr__(self, "generate_size", as_sides(*both_sides(self.generate_size)))
        for name in ("image_size", "generate_size"):
            value = getattr(self, name)
            if value is not None and min(both_sides(value)) < _LEAST_SIDE:
                raise InputError(
                    f"{name.replace('_', ' ')} is {sides_text(value)}: at least {_LEAST_SIDE} "
                    "pixels a side are needed"
                )
        if self.tune not in TUNINGS:
            raise unknown("tuning", self.tune, TUNINGS)
