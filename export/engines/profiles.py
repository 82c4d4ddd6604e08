"""The ranges of sizes that a model's engines are built for."""

from __future__ import annotations

from ...base import InputError
from ...engine import DimensionRange, Profile
from ..graphs.specs import (
    DENOISE,
    DENOISE_FIRST,
    DENOISE_SHALLOW,
    TEXT_ENCODER,
    VAE_DECODER,
    VAE_ENCODER,
)
from ..onnx.manifest import Exported
from .choice import EngineChoice

_TEXT_BATCH = 64


def chosen_batches(choice: EngineChoice) -> tuple[DimensionRange, DimensionRange]:
    """Images denoised together, and decoded together."""
    decoded = choice.vae_batch_size or choice.batch_size
    return (
        DimensionRange(1, choice.batch_size, choice.batch_size),
        DimensionRange(1, decoded, decoded),
    )


def batch_profiles(
    batch: DimensionRange, vae_batch: DimensionRange | None = None
) -> dict[str, Profile]:
    """The profile of each graph for batches of images in the range of `batch`.

    Those that the VAE decodes together are in the range of `vae_batch`, if it is given.
    """
    rows = DimensionRange(batch.smallest, 2 * batch.best, 2 * batch.largest)
    text = DimensionRange(1, _TEXT_BATCH, _TEXT_BATCH)
    return {
        TEXT_ENCODER: {"batch": text},
        DENOISE: {"batch": batch, "rows": rows},
        DENOISE_SHALLOW: {"batch": batch, "rows": rows},
        DENOISE_FIRST: {"batch": batch, "rows": rows},
        VAE_DECODER: {"batch": vae_batch or batch},
        VAE_ENCODER: {"batch": batch},
    }


def plan_profiles(
    exported: Exported,
    batch: DimensionRange,
    sides: tuple[DimensionRange, DimensionRange] | None = None,
    vae_batch: DimensionRange | None = None,
) -> dict[str, Profile]:
    """The profiles of an exported folder's graphs; `sides` are images' height and width in pixels.

    Without `sides`, where they are free, those that the model was trained on. `InputError` for
    sides where they are not free, and for those that are no whole number of latents.
    """
    ranges = batch_profiles(batch, vae_batch)
    profiles = {name: ranges[name] for name in exported.graphs}
    if exported.generate_size is not None:
        if sides is not None:
            height, width = exported.generate_size
            raise InputError(
                f"a range of sizes was given, {str(exported.folder)!r} was exported for "
                f"{height}x{width} pixels alone: leave it out, or export with --generate-size any"
            )
        return profiles
    side, scale = exported.info.image_side, exported.info.vae_scale
    sides = sides or (DimensionRange(side, side, side),) * 2
    spatial = {
        name: _latents(pixels, scale)
        for name, pixels in zip(("height", "width"), sides, strict=True)
    }
    return {
        name: profile if name == TEXT_ENCODER else {**profile, **spatial}
        for name, profile in profiles.items()
    }


def _latents(size: DimensionRange, scale: int) -> DimensionRange:
    pixels = (size.smallest, size.best, size.largest)
    if any(number % scale for number in pixels):
        raise InputError(f"sizes {pixels} are not all multiples of {scale} pixels: choose others")
    return DimensionRange(*(number // scale for number in pixels))


def covers(built: Profile, wanted: Profile) -> bool:
    """Whether an engine for the sizes `built` serves all those `wanted`."""
    return all(
        built[name].smallest <= sizes.smallest and sizes.largest <= built[name].largest
        for name, sizes in wanted.items()
    )
