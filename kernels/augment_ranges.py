"""How far random augmentation goes; apart from what draws it, which takes PyTorch."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["AugmentRanges"]


@dataclass(frozen=True)
class AugmentRanges:
    """How far random augmentation goes. By default it changes nothing but the size."""

    area: tuple[float, float] = (1.0, 1.0)
    """Least and largest share of the image that is cropped, anywhere in it, and resized."""
    aspect: tuple[float, float] = (1.0, 1.0)
    """Narrowest and widest crop: width / height over that of the image, log-uniform."""
    zoom: float = 0.0
    """Largest zoom in or out of the crop, as a share of its sides."""
    shift: float = 0.0
    """Largest shift along each axis, as a share of the image's side, in whole source pixels; beyond
    the image comes its padding."""
    rotate: float = 0.0
    """Largest rotation, in degrees."""
    flip: float = 0.0
    """Share of images that are mirrored."""
    brightness: float = 0.0
    """Largest change of the factor of all colours."""
    contrast: float = 0.0
    """Largest change of the distance from the mean luma, as a share."""
    saturation: float = 0.0
    """Largest change of the distance from each pixel's luma, as a share."""
    erase: float = 0.0
    """Share of images of which a rectangle is erased (arXiv 1708.04896), its sides a fifth to half
    of the image's."""

    def __post_init__(self) -> None:
        if not 0 < self.area[0] <= self.area[1] <= 1:
            raise ValueError(f"area must rise within (0, 1], not {self.area}")
        if not 0 < self.aspect[0] <= self.aspect[1]:
            raise ValueError(f"aspect must rise from above 0, not {self.aspect}")
        for name in ("flip", "erase"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be a share, 0 to 1, not {getattr(self, name)}")
        for name in ("zoom", "shift", "rotate", "brightness", "contrast", "saturation"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be 0 or more, not {getattr(self, name)}")
